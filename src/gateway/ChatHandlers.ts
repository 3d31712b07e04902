import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { maxTokens } from "../domain/ChatRequest.ts"
import { AuthError } from "../domain/Errors.ts"
import { estimatePrompt } from "../domain/TokenEstimate.ts"
import { Limits } from "../limits/Limits.ts"
import { Catalog } from "../router/Catalog.ts"
import { Router } from "../router/Router.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { Api } from "./Api.ts"
import { CurrentPrincipal } from "./Authorization.ts"
import { ChatAnswers } from "./ChatAnswers.ts"
import { chatRequest } from "./ChatBody.ts"
import { readJson } from "./RequestBody.ts"
import { CurrentRequest } from "./RequestContext.ts"

/**
 * `POST /v1/chat/completions`, in the contract's order of work: the caller is known when this begins; then the body, the model,
 * what can be said to a provider at all, the limits, the call. Whatever is refused has cost nothing.
 */
export const ChatHandlers = HttpApiBuilder.group(
  Api,
  "chat",
  Effect.fn(function* (handlers) {
    const catalog = yield* Catalog
    const router = yield* Router
    const limits = yield* Limits
    const metrics = yield* Metrics
    const answers = yield* ChatAnswers

    return handlers.handleRaw(
      "createChatCompletion",
      Effect.fnUntraced(function* ({ request }) {
        const context = yield* CurrentRequest
        const principal = yield* CurrentPrincipal
        const chat = yield* Effect.fromResult(chatRequest(yield* readJson(request)))
        context.model = chat.model
        context.stream = chat.stream === true
        const resolution = yield* Effect.fromResult(catalog.resolve(chat.model))
        if (principal.models !== undefined && !principal.models.includes(chat.model)) {
          return yield* modelNotAllowed
        }
        const { requestId } = context
        const plan = yield* router.plan({ requestId, request: chat, resolution })
        const admission = yield* limits.admit({
          principal,
          requestId,
          estimate: estimatePrompt(chat) + (maxTokens(chat) ?? 0),
          onWindows: (windows) => {
            context.windows = windows
          }
        })
        context.isActive = true
        metrics.requestStarted(context.stream)
        return yield* answers.answer({ request, context, chat, plan, admission })
      })
    )
  })
)

const modelNotAllowed = new AuthError({
  reason: "model_not_allowed",
  message: "This credential may not use the model that was asked for"
})
