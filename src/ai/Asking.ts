import { Effect, Result, type Scope } from "effect"
import type { AiError } from "effect/ai/AiError"
import * as AiErrors from "effect/ai/AiError"
import type { ProviderOptions } from "effect/ai/LanguageModel"
import { randomBytes } from "node:crypto"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ProviderFailure, ValidationError } from "../domain/Errors.ts"
import type { Catalog, Resolution } from "../router/Catalog.ts"
import type { Reply, Router } from "../router/Router.ts"
import { type ChatParameters, ParameterOverrides } from "./ChatParameters.ts"
import { messagesOf } from "./Messages.ts"
import type { AnswerHead } from "./Parts.ts"
import { aiError, type Place } from "./Reasons.ts"
import { formatField, toolFields } from "./Tools.ts"

/** A model of the router, as `effect/ai` shall have it. */
export interface LanguageModelOptions {
  /** As a client of the gateway would call it: `gigachat/GigaChat-2-Max`, `yandexgpt/yandexgpt`, or an alias of the router's. */
  readonly model: string
  /** What holds for each call, under OpenAI's names: `{ temperature: 0.2, max_tokens: 500 }`. */
  readonly parameters?: ChatParameters | undefined
}

/** A question that can be asked, and has not been. */
export interface Question {
  readonly request: ChatRequest
  /** Asks it; done with the first content. Closing the scope closes the upstream's connection. */
  readonly reply: Effect.Effect<Reply, AiError, Scope.Scope>
  readonly head: (reply: Reply) => AnswerHead
}

/** In the router's log and in the upstream's: who has a failure's id finds the call there. */
export const makeRequestId = (): string => `req_${randomBytes(16).toString("hex")}`

/** What Effect asks for, as a chat request of the router's. */
export const asking =
  (router: Router["Service"], catalog: Catalog["Service"], options: LanguageModelOptions) =>
  (asked: ProviderOptions, stream: boolean, place: Place): Effect.Effect<Question, AiError> =>
    Effect.flatMap(ParameterOverrides, (overrides) => {
      const request = Result.map(
        Result.all([messagesOf(asked.prompt), toolFields(asked), formatField(asked)]),
        ([messages, tools, format]): ChatRequest => ({
          model: options.model,
          ...options.parameters,
          ...overrides,
          messages,
          stream,
          ...tools,
          ...format
        })
      )
      if (Result.isFailure(request)) return Effect.fail(AiErrors.make({ ...place, reason: request.failure }))
      const requestId = makeRequestId()
      const failed = (failure: ProviderFailure) => aiError(place, failure)
      return Effect.fromResult(resolved(catalog, request.success)).pipe(
        Effect.flatMap((resolution) => router.plan({ requestId, request: request.success, resolution })),
        Effect.mapBoth({
          onFailure: failed,
          onSuccess: (plan) => ({
            request: request.success,
            reply: Effect.mapError(plan.open, failed),
            head: (reply) => ({
              requestId,
              reply,
              tools: asked.toolCallValidation === "deferred" ? undefined : asked.tools.map(({ name }) => name)
            })
          })
        })
      )
    })

const resolved = (
  catalog: Catalog["Service"],
  { model, models }: ChatRequest
): Result.Result<Resolution, ValidationError> =>
  models === undefined ? catalog.resolve(model) : catalog.resolveAll(model, models)
