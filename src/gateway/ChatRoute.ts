import { Effect, identity, Result, type Scope } from "effect"
import { HttpRouter, type HttpServerRequest, type HttpServerResponse } from "effect/http"
import { Authenticator } from "../auth/Authenticator.ts"
import { Settings } from "../config/Settings.ts"
import { type ChatRequest, maxTokens } from "../domain/ChatRequest.ts"
import type { ValidationError, XRouterError } from "../domain/Errors.ts"
import { estimatePrompt } from "../domain/TokenEstimate.ts"
import type { Principal } from "../domain/Principal.ts"
import { Limits } from "../limits/Limits.ts"
import { Catalog } from "../router/Catalog.ts"
import { Router } from "../router/Router.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { admit, modelNotAllowed } from "./Admission.ts"
import type { AnswerForm } from "./AnswerForm.ts"
import { requestedBy } from "./AuthorizationLayer.ts"
import { ChatAnswers } from "./ChatAnswers.ts"
import { chatRequest } from "./ChatBody.ts"
import { chatForm } from "./ChatForm.ts"
import { modelHold } from "./ModelHold.ts"
import { readJson } from "./RequestBody.ts"
import { CurrentRequest, type RequestContext } from "./RequestContext.ts"

/** An endpoint that asks for a chat in words of its own, and is answered in them. */
export interface ChatEndpoint<Asked> {
  readonly path: HttpRouter.PathInput
  readonly read: (body: unknown) => Result.Result<Asked, ValidationError>
  readonly chat: (asked: Asked) => ChatRequest
  readonly form: (asked: Asked) => AnswerForm
  /** A refusal in the endpoint's words, where they are not a chat's. */
  readonly translate?: (error: XRouterError) => XRouterError
}

/**
 * `POST` to an endpoint, in the contract's order of work: who calls, the body, the model, what can be said to a provider at
 * all, the limits, the call. Whatever is refused has cost nothing.
 *
 * The endpoints are declared in `ChatApi.ts` and its like, for the document and the client, and served here as plain routes: a typed
 * endpoint gives each request a copy of the context that its handlers were built in, which costs more than all the work of this file.
 */
export const chatRoute = <Asked>(endpoint: ChatEndpoint<Asked>) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const authenticator = yield* Authenticator
      const catalog = yield* Catalog
      const plans = yield* Router
      const limits = yield* Limits
      const metrics = yield* Metrics
      const answers = yield* ChatAnswers
      const settings = yield* Settings
      const { translate } = endpoint

      const serve = (
        request: HttpServerRequest.HttpServerRequest,
        context: RequestContext,
        principal: Principal,
        body: unknown
      ): Effect.Effect<HttpServerResponse.HttpServerResponse, XRouterError, Scope.Scope> => {
        const asked = endpoint.read(body)
        if (Result.isFailure(asked)) return Effect.fail(asked.failure)
        const chat = endpoint.chat(asked.success)
        context.model = chat.model
        context.stream = chat.stream === true
        const resolved =
          chat.models === undefined ? catalog.resolve(chat.model) : catalog.resolveAll(chat.model, chat.models)
        if (Result.isFailure(resolved)) return Effect.fail(resolved.failure)
        if (principal.models !== undefined && !mayUse(principal.models, chat)) return Effect.fail(modelNotAllowed)
        const estimate = estimatePrompt(chat) + (maxTokens(chat) ?? 0)
        const hold = modelHold(settings, limits, metrics, context, estimate)
        const planned = plans.plan({
          requestId: context.requestId,
          request: chat,
          resolution: resolved.success,
          mayCall: hold?.mayCall,
          trace: context.trace,
          traceContext: context.traceContext
        })
        const callable = hold === undefined ? planned : Effect.flatMap(planned, hold.admitted)
        return Effect.flatMapEager(callable, (plan) =>
          Effect.flatMap(admit(limits, context, principal, estimate, hold), (admission) => {
            context.isActive = true
            metrics.requestStarted(context.stream)
            return answers.answer({
              request,
              context,
              principal,
              chat,
              form: endpoint.form(asked.success),
              plan,
              admission
            })
          })
        )
      }

      // Not a generator: the frame of one costs more memory than all that it would hold.
      const create = (request: HttpServerRequest.HttpServerRequest) =>
        Effect.flatMap(CurrentRequest, (context) =>
          Effect.flatMapEager(requestedBy(authenticator, context, request), (principal) =>
            Effect.flatMap(readJson(request, settings.maxBody), (body) => serve(request, context, principal, body))
          )
        )

      yield* router.add(
        "POST",
        endpoint.path,
        translate === undefined ? create : (request) => Effect.mapError(create(request), translate)
      )
    })
  )

export const ChatRoute = chatRoute({
  path: "/v1/chat/completions",
  read: chatRequest,
  chat: identity,
  form: () => chatForm
})

const mayUse = (allowed: ReadonlyArray<string>, { model, models = [] }: ChatRequest): boolean =>
  allowed.includes(model) && models.every((other) => allowed.includes(other))
