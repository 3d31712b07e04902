import { Effect } from "effect"
import { HttpRouter, type HttpServerRequest } from "effect/http"
import { Authenticator } from "../auth/Authenticator.ts"
import { Settings } from "../config/Settings.ts"
import { maxTokens } from "../domain/ChatRequest.ts"
import { AuthError } from "../domain/Errors.ts"
import { estimatePrompt } from "../domain/TokenEstimate.ts"
import type { Principal } from "../domain/Principal.ts"
import { LimiterStore } from "../limits/LimiterStore.ts"
import { Limits, unlimited } from "../limits/Limits.ts"
import { Catalog } from "../router/Catalog.ts"
import type { Candidate } from "../router/Policy.ts"
import { Router } from "../router/Router.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { requestedBy } from "./AuthorizationLayer.ts"
import { ChatAnswers } from "./ChatAnswers.ts"
import { chatRequest } from "./ChatBody.ts"
import { readJson } from "./RequestBody.ts"
import { CurrentRequest, type RequestContext } from "./RequestContext.ts"

export const chatPath = "/v1/chat/completions"

/**
 * `POST /v1/chat/completions`, in the contract's order of work: who calls, the body, the model, what can be said to a provider at
 * all, the limits, the call. Whatever is refused has cost nothing.
 *
 * The endpoint is declared in `ChatApi.ts`, for the document and the client, and served here as a plain route: a typed endpoint
 * gives each request a copy of the context that its handlers were built in, which costs more than all the work of this file.
 */
export const ChatRoute = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const authenticator = yield* Authenticator
    const catalog = yield* Catalog
    const plans = yield* Router
    const limits = yield* Limits
    const store = yield* LimiterStore
    const metrics = yield* Metrics
    const answers = yield* ChatAnswers
    const { maxBody } = yield* Settings

    /** By what all callers may use of the model, and by what this one may: the model gives back what a refused caller took. */
    const admit = (context: RequestContext, principal: Principal, { model, provider }: Candidate, estimate: number) => {
      const { requestId } = context
      context.isDegraded = store.degraded?.() === true
      return Effect.flatMap(
        limits.admitModel({ model: `${provider.name}/${model}`, requestId, estimate }),
        (ofModel): ReturnType<typeof limits.admit> => {
          const ofCaller = limits.admit({
            principal,
            requestId,
            estimate,
            onWindows: (windows) => {
              context.windows = windows
            }
          })
          if (ofModel === unlimited) return ofCaller
          return Effect.mapBoth(ofCaller, {
            onFailure: (refusal) => {
              ofModel.used(0)
              return refusal
            },
            onSuccess: ({ used, windows }) => ({
              windows,
              used: (tokens) => {
                ofModel.used(tokens)
                used(tokens)
              }
            })
          })
        }
      )
    }

    const create = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const context = yield* CurrentRequest
      const principal = yield* requestedBy(authenticator, context, request)
      const chat = yield* Effect.fromResult(chatRequest(yield* readJson(request, maxBody)))
      context.model = chat.model
      context.stream = chat.stream === true
      const resolution = yield* Effect.fromResult(catalog.resolve(chat.model))
      if (principal.models !== undefined && !principal.models.includes(chat.model)) {
        return yield* modelNotAllowed
      }
      const { requestId } = context
      const plan = yield* plans.plan({ requestId, request: chat, resolution })
      const admission = yield* admit(context, principal, plan.first, estimatePrompt(chat) + (maxTokens(chat) ?? 0))
      context.isActive = true
      metrics.requestStarted(context.stream)
      return yield* answers.answer({ request, context, chat, plan, admission })
    })

    yield* router.add("POST", chatPath, create)
  })
)

const modelNotAllowed = new AuthError({
  reason: "model_not_allowed",
  message: "This credential may not use the model that was asked for"
})
