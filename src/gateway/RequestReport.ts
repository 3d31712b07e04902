import { Cause, Clock, Context, Effect, Exit, Layer } from "effect"
import { HttpServerError } from "effect/http"
import { faultOf } from "../domain/Fault.ts"
import { formatMicros } from "../ledger/Money.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { RequestLog } from "../telemetry/RequestLog.ts"
import type { TracedRequest } from "../telemetry/RequestTrace.ts"
import type { Operation } from "../telemetry/SpanAttributes.ts"
import type { RequestContext } from "./RequestContext.ts"

/** Status in the log of a request whose client left before there was one. */
const clientClosed = 499

/** Where no provider was tried. */
const nobody = "none"

/** Tells the ledger, the log and the metrics of a request, once, when its answer has gone or its client has. */
export class RequestReport extends Context.Service<
  RequestReport,
  {
    readonly tell: (context: RequestContext, exit: Exit.Exit<unknown, unknown>) => void
  }
>()("xrouter/gateway/RequestReport") {
  static readonly layer = Layer.effect(
    RequestReport,
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const log = yield* RequestLog
      const clock = yield* Clock.Clock

      const measure = (context: RequestContext, endedAt: number, isCancelled: boolean) => {
        const { provider, error } = context
        if (context.isActive) metrics.requestEnded(context.stream)
        if (isCancelled) metrics.recordDisconnect()
        if (error !== undefined) {
          metrics.recordError(provider ?? nobody, error.code)
          metrics.recordFault(faultOf(error))
        }
        if (error?._tag === "RateLimitError") metrics.recordRateLimited(error.reason)
        if (provider === undefined || context.calledAt === undefined) return undefined
        const duration = endedAt - context.arrivedAt
        const overhead = duration - ((context.answeredAt ?? endedAt) - context.calledAt)
        metrics.recordRequest(provider, context.modelLabel)
        metrics.recordLatency(provider, duration)
        metrics.recordOverhead(overhead)
        if (context.firstContentAt !== undefined) {
          metrics.recordFirstToken(provider, context.firstContentAt - context.arrivedAt)
        }
        const { cost, ownCount, usage } = context
        if (usage !== undefined && ownCount !== undefined) {
          metrics.recordTokens(provider, usage)
          metrics.recordOwnCount(provider, ownCount)
        }
        if (cost !== undefined) metrics.recordCost(provider, cost.currency, Number(cost.micros) / 1e6)
        return overhead
      }

      const tell = (context: RequestContext, exit: Exit.Exit<unknown, unknown>) => {
        const endedAt = Number(clock.monotonicTimeNanosUnsafe()) / 1e6
        const isCancelled = Exit.isFailure(exit) && isClientAbort(exit.cause)
        context.sumUp?.(endedAt, isCancelled)
        const overhead = measure(context, endedAt, isCancelled)
        context.trace?.end(traced(context, endedAt, isCancelled))
        log.write({
          requestId: context.requestId,
          traceId: context.trace?.traceId,
          spanId: context.trace?.spanId,
          method: context.method,
          route: context.route,
          status: context.status === 0 ? clientClosed : context.status,
          stream: context.stream,
          durationMillis: endedAt - context.arrivedAt,
          ip: context.ip,
          code: context.error?.code,
          reason: context.error?.reason,
          cancelled: isCancelled ? true : undefined,
          keyId: context.principal?.credentialId,
          userId: context.principal?.userId,
          model: context.model,
          provider: context.provider,
          providerModel: context.providerModel,
          usage: context.usage,
          cost: context.cost === undefined ? undefined : formatMicros(context.cost.micros),
          currency: context.cost?.currency,
          overheadMillis: overhead,
          firstTokenMillis:
            context.firstContentAt === undefined ? undefined : context.firstContentAt - context.arrivedAt
        })
      }

      return { tell }
    })
  )
}

const traced = (context: RequestContext, endedAt: number, isCancelled: boolean): TracedRequest => ({
  requestId: context.requestId,
  method: context.method,
  route: context.route,
  operation: operations.get(context.route) ?? "chat",
  status: context.status === 0 ? clientClosed : context.status,
  stream: context.stream,
  isCancelled,
  arrivedAt: context.arrivedAt,
  endedAt,
  answeredAt: context.answeredAt,
  firstContentAt: context.firstContentAt,
  ip: context.ip,
  code: context.error?.code,
  reason: context.error?.reason,
  keyId: context.principal?.credentialId,
  userId: context.principal?.userId,
  model: context.model,
  answerId: context.answerId,
  usage: context.usage,
  isUsageEstimated: context.isUsageEstimated
})

const operations: ReadonlyMap<string, Operation> = new Map([
  ["/v1/completions", "text_completion"],
  ["/v1/embeddings", "embeddings"]
])

const isClientAbort = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some((reason) => reason._tag === "Interrupt" && reason.annotations.has(HttpServerError.ClientAbort.key))
