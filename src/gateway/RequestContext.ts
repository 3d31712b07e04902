import { Context, Effect, Option } from "effect"
import type { Attempt } from "../domain/Attempt.ts"
import type { XRouterError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import type { Cost } from "../ledger/CallRecord.ts"
import type { Windows } from "../limits/LimiterStore.ts"
import type { Usage } from "../domain/Usage.ts"
import type { RequestTrace } from "../telemetry/RequestTrace.ts"
import type { TraceContext } from "../telemetry/TraceContext.ts"

/** What one request is, and what has become of it so far; told once, in the log and the metrics, when its answer has gone. */
export class RequestContext {
  readonly requestId: string
  readonly method: string
  /** Without its query. */
  readonly path: string
  /** Of the client itself, seen past trusted proxies. */
  readonly ip: string
  /** Milliseconds of a monotonic clock. */
  readonly arrivedAt: number

  /** The path's pattern, `/v1/models/:id`. */
  readonly route: string

  /** Set where the request is traced. */
  trace: RequestTrace | undefined
  /** What trusted providers are told of its trace; the caller's own where it is not traced here. */
  traceContext: TraceContext | undefined
  status = 0
  principal: Principal | undefined
  error: XRouterError | undefined
  /** How the limits stand after this request was let in or refused. */
  windows: Windows | undefined
  /** The answer's own id (`chatcmpl-…`). */
  answerId: string | undefined
  stream = false
  /** True where the limits were decided without the store that should have decided them. */
  isDegraded = false
  /** Set while it counts among the active ones. */
  isActive = false
  /** The name that metrics know the model by. */
  modelLabel = "other"
  /** As the client named it. */
  model: string | undefined
  provider: string | undefined
  providerModel: string | undefined
  usage: Usage | undefined
  /** True where the provider told no usage, or was not heard to its end. */
  isUsageEstimated = false
  /** What we would have counted; set where the provider told its usage. */
  ownCount: Usage | undefined
  /** Set where a price is known. */
  cost: Cost | undefined
  /** Headers of the answer that are the route's own, by their lower-case names. */
  readonly headers: Record<string, string> = {}
  /** What the request holds of the limits, to be given back at its end, the last one first. */
  readonly releases: Array<Effect.Effect<void>> = []
  /** Sums up what was used; called once, at the request's end and before anything is given back. */
  sumUp: ((endedAt: number, isCancelled: boolean) => void) | undefined
  /** Tries that failed before the one that gave the answer. */
  attempts: ReadonlyArray<Attempt> = []
  /** When the provider was called, gave its first content, and was done with; monotonic milliseconds. */
  calledAt: number | undefined
  firstContentAt: number | undefined
  answeredAt: number | undefined

  constructor(options: {
    readonly requestId: string
    readonly method: string
    readonly path: string
    readonly route: string
    readonly ip: string
    readonly arrivedAt: number
  }) {
    this.requestId = options.requestId
    this.method = options.method
    this.path = options.path
    this.route = options.route
    this.ip = options.ip
    this.arrivedAt = options.arrivedAt
  }
}

export class CurrentRequest extends Context.Service<CurrentRequest, RequestContext>()(
  "xrouter/gateway/CurrentRequest"
) {}

/**
 * The same for middleware of the typed API, whose types can ask only for what other middleware of that API provides. The edge is
 * around every route, so it is always there.
 */
export const currentRequest: Effect.Effect<RequestContext> = Effect.flatMap(
  Effect.serviceOption(CurrentRequest),
  Option.match({
    onNone: () => Effect.die("A route is served without the gateway's edge around it"),
    onSome: Effect.succeed
  })
)
