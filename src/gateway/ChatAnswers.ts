import { Clock, Context, Effect, Layer, Pull, type Scope } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { Settings } from "../config/Settings.ts"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { InternalError, ProviderFailure } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import { Ledger } from "../ledger/Ledger.ts"
import type { Admission } from "../limits/Limits.ts"
import { Catalog } from "../router/Catalog.ts"
import type { Candidate } from "../router/Policy.ts"
import type { Plan, Reply } from "../router/Router.ts"
import type { AnswerForm, AnswerHead } from "./AnswerForm.ts"
import { openAccount } from "./CallAccount.ts"
import { chatStream, keepAliveEvery, type Opening, settled, type StreamWriter } from "./ChatStream.ts"
import { closeAfterResponse, endWhenStalled, WriteStall } from "./Connection.ts"
import { makeAnswerId } from "./Ids.ts"
import { Meter } from "./Meter.ts"
import { makePatience } from "./Patience.ts"
import type { RequestContext } from "./RequestContext.ts"
import { servedBy } from "./ServedBy.ts"

export interface AnswerOptions {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly context: RequestContext
  readonly principal: Principal
  readonly chat: ChatRequest
  readonly form: AnswerForm
  readonly plan: Plan
  readonly admission: Admission
}

/** Calls the provider for an admitted request, and turns what it says into the client's answer, whole or as it comes. */
export class ChatAnswers extends Context.Service<
  ChatAnswers,
  {
    readonly answer: (
      options: AnswerOptions
    ) => Effect.Effect<HttpServerResponse.HttpServerResponse, ProviderFailure | InternalError, Scope.Scope>
  }
>()("xrouter/gateway/ChatAnswers") {
  static readonly layer = Layer.effect(
    ChatAnswers,
    Effect.gen(function* () {
      const settings = yield* Settings
      const catalog = yield* Catalog
      const ledger = yield* Ledger
      const clock = yield* Clock.Clock
      const writeStall = yield* WriteStall
      const patience = yield* makePatience(keepAliveEvery)
      const resourceMetadata = `${settings.publicUrl}/.well-known/oauth-protected-resource/v1`
      const serve = (context: RequestContext, { model, provider }: Candidate) => {
        context.provider = provider.name
        context.providerModel = model
        context.modelLabel = catalog.label(provider.name, model)
      }
      const begin = ({ context }: AnswerOptions, meter: Meter, reply: Reply) => {
        meter.begin()
        serve(context, reply.candidate)
        context.attempts = reply.attempts
      }
      const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

      const whole = (options: AnswerOptions, head: AnswerHead, meter: Meter) =>
        Effect.flatMap(options.plan.open, (reply) => {
          begin(options, meter, reply)
          const writer = options.form.body()
          const take = (events: ReadonlyArray<ChatEvent>) => {
            meter.hear(events)
            writer.add(events)
          }
          const finished = () => {
            options.context.answeredAt = now()
            servedBy(lostOf(options, reply), options.context.headers)
            return HttpServerResponse.text(writer.body(head, meter.usage), { contentType: "application/json" })
          }
          take(reply.first)
          return reply.rest === undefined
            ? Effect.succeed(finished())
            : Effect.map(
                Pull.catchDone(Effect.forever(Effect.map(reply.rest, take)), () => Effect.void),
                finished
              )
        })

      const streamed = (options: AnswerOptions, head: AnswerHead, meter: Meter) => {
        const { context, request } = options
        const frames = options.form.frames(head, options.chat)
        const writer: StreamWriter = {
          requestId: context.requestId,
          trace: context.trace,
          begin: (reply) => begin(options, meter, reply),
          frames: (events) => {
            meter.hear(events)
            return frames.frames(events)
          },
          end: () => {
            context.answeredAt = now()
            return frames.end(meter.usage)
          },
          fail: (error) => {
            context.error = error
            context.answeredAt = now()
            closeAfterResponse(request)
            return frames.fail(error, {
              requestId: context.requestId,
              traceId: context.trace?.traceId,
              resourceMetadata
            })
          }
        }
        /** Without a reply where the client has waited for its status long enough. */
        const respond = (opening: Opening, reply: Reply | undefined) => {
          if (reply !== undefined) servedBy(lostOf(options, reply), context.headers)
          endWhenStalled(request, writeStall)
          context.headers["cache-control"] = "no-cache"
          context.headers["x-accel-buffering"] = "no"
          return HttpServerResponse.stream(chatStream(opening, patience, writer), {
            contentType: "text/event-stream; charset=utf-8"
          })
        }
        return Effect.flatMap(Effect.scope, (scope) =>
          Effect.flatMap(Effect.forkIn(options.plan.open, scope, { startImmediately: true }), (opening) =>
            Effect.flatMap(settled(opening, patience), (exit) =>
              exit === undefined
                ? Effect.succeed(respond(opening, undefined))
                : Effect.map(exit, (reply) => respond(opening, reply))
            )
          )
        )
      }

      return {
        answer: (options) => {
          const { admission, chat, context, form, plan, principal } = options
          const head: AnswerHead = {
            id: makeAnswerId(form.idPrefix),
            created: Math.floor(clock.currentTimeMillisUnsafe() / 1000),
            model: chat.model
          }
          context.answerId = head.id
          const meter = new Meter(context, chat, now)
          const account = {
            context,
            principal,
            answerId: head.id,
            model: chat.model,
            first: plan.first,
            meter,
            admission
          }
          return Effect.flatMapEager(openAccount(ledger, account), () => {
            context.calledAt = now()
            serve(context, plan.first)
            return context.stream ? streamed(options, head, meter) : whole(options, head, meter)
          })
        }
      }
    })
  )
}

/** What could not be carried, in the endpoint's own words. */
const lostOf = ({ form }: AnswerOptions, { candidate, dropped }: Reply) => ({
  candidate,
  dropped: form.dropped(dropped)
})
