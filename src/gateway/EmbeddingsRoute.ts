import { Clock, Effect, Result, type Scope } from "effect"
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { Authenticator } from "../auth/Authenticator.ts"
import { Settings } from "../config/Settings.ts"
import { textsOf } from "../domain/EmbeddingRequest.ts"
import type { XRouterError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import { Ledger } from "../ledger/Ledger.ts"
import { Limits } from "../limits/Limits.ts"
import { Catalog } from "../router/Catalog.ts"
import type { Candidate } from "../router/Policy.ts"
import { type EmbeddingReply, type Plan, Router } from "../router/Router.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { admit, modelNotAllowed } from "./Admission.ts"
import { requestedBy } from "./AuthorizationLayer.ts"
import { openAccount } from "./CallAccount.ts"
import { embeddingsAnswer } from "./EmbeddingsAnswer.ts"
import { embeddingsBody } from "./EmbeddingsBody.ts"
import { EmbeddingsMeter } from "./EmbeddingsMeter.ts"
import { makeAnswerId } from "./Ids.ts"
import { modelHold } from "./ModelHold.ts"
import { readJson } from "./RequestBody.ts"
import { CurrentRequest, type RequestContext } from "./RequestContext.ts"
import { servedBy } from "./ServedBy.ts"

/**
 * `POST /v1/embeddings`, in the same order of work as a chat: who calls, the body, the model, what can be said to a provider at
 * all, the limits, the call. Declared in `EmbeddingsApi.ts`.
 */
export const EmbeddingsRoute = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const authenticator = yield* Authenticator
    const catalog = yield* Catalog
    const plans = yield* Router
    const limits = yield* Limits
    const ledger = yield* Ledger
    const metrics = yield* Metrics
    const clock = yield* Clock.Clock
    const settings = yield* Settings
    const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

    const call = (context: RequestContext, plan: Plan<EmbeddingReply>, meter: EmbeddingsMeter) => {
      const serve = ({ model, provider }: Candidate) => {
        context.provider = provider.name
        context.providerModel = model
        context.modelLabel = catalog.label(provider.name, model)
      }
      context.calledAt = now()
      serve(plan.first)
      return Effect.map(plan.open, (reply) => {
        meter.hear(reply.embeddings)
        serve(reply.candidate)
        context.attempts = reply.attempts
        context.answeredAt = now()
        servedBy(reply, context.headers)
        return reply.embeddings
      })
    }

    const serve = (
      context: RequestContext,
      principal: Principal,
      body: unknown
    ): Effect.Effect<HttpServerResponse.HttpServerResponse, XRouterError, Scope.Scope> => {
      const asked = embeddingsBody(body)
      if (Result.isFailure(asked)) return Effect.fail(asked.failure)
      const { more, request } = asked.success
      const { dimensions, model } = request
      context.model = model
      const resolved = catalog.resolve(model)
      if (Result.isFailure(resolved)) return Effect.fail(resolved.failure)
      if (principal.models !== undefined && !principal.models.includes(model)) return Effect.fail(modelNotAllowed)
      const { requestId } = context
      const input = textsOf(request)
      const meter = new EmbeddingsMeter(input)
      const hold = modelHold(settings, limits, metrics, context, meter.estimate)
      const planned = plans.embed({
        requestId,
        input,
        dimensions,
        more,
        resolution: resolved.success,
        mayCall: hold?.mayCall,
        trace: context.trace,
        traceContext: context.traceContext
      })
      return Effect.flatMap(hold === undefined ? planned : Effect.flatMap(planned, hold.admitted), (plan) =>
        Effect.flatMap(admit(limits, context, principal, meter.estimate, hold), (admission) => {
          context.isActive = true
          metrics.requestStarted(context.stream)
          const answerId = makeAnswerId("embd-")
          context.answerId = answerId
          const account = { context, principal, answerId, model, first: plan.first, meter, admission }
          return Effect.andThen(
            openAccount(ledger, account),
            Effect.map(
              Effect.suspend(() => call(context, plan, meter)),
              ({ vectors }) =>
                HttpServerResponse.text(embeddingsAnswer(request, vectors, meter.usage.promptTokens), {
                  contentType: "application/json"
                })
            )
          )
        })
      )
    }

    yield* router.add("POST", "/v1/embeddings", (request: HttpServerRequest.HttpServerRequest) =>
      Effect.flatMap(CurrentRequest, (context) =>
        Effect.flatMap(requestedBy(authenticator, context, request), (principal) =>
          Effect.flatMap(readJson(request, settings.maxBody), (body) => serve(context, principal, body))
        )
      )
    )
  })
)
