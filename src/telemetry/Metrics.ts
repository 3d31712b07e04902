import { Context, Effect, Layer, Metric } from "effect"
import type { ErrorCode, InternalError } from "../domain/Errors.ts"
import { type Fault, faults } from "../domain/Fault.ts"
import type { Usage } from "../domain/Usage.ts"
import { processMetrics } from "./ProcessMetrics.ts"
import { registryOf } from "./Series.ts"
import { Siblings } from "./Siblings.ts"

/**
 * What the mission records, and what else Prometheus is told (CONTRACT, "Metrics"). Every method is synchronous and cheap;
 * labels are bounded by the callers: `model` is a name of the catalogue or `other`.
 */
export class Metrics extends Context.Service<
  Metrics,
  {
    readonly recordRequest: (provider: string, model: string) => void
    readonly recordLatency: (provider: string, millis: number) => void
    readonly recordError: (provider: string, code: ErrorCode) => void
    readonly recordTokens: (provider: string, usage: Usage) => void
    /** What the gateway would have counted of a call that the provider did count, and that `recordTokens` was told. */
    readonly recordOwnCount: (provider: string, usage: Usage) => void
    /** In whole units of the currency. The ledger has the exact sums. */
    readonly recordCost: (provider: string, currency: string, amount: number) => void
    /** Our own share of a request: all of it but the waiting for the provider. */
    readonly recordOverhead: (millis: number) => void
    readonly recordFirstToken: (provider: string, millis: number) => void
    readonly recordFault: (by: Fault) => void
    readonly recordRateLimited: (reason: string) => void
    readonly recordDisconnect: () => void
    readonly requestStarted: (stream: boolean) => void
    readonly requestEnded: (stream: boolean) => void
    /** A provider is called again for a request that it has failed. */
    readonly recordRetry: (provider: string) => void
    /** Another provider, or another model, takes over. */
    readonly recordFallback: (from: string, to: string) => void
    readonly setCircuitOpen: (provider: string, isOpen: boolean) => void
    readonly setDegraded: (component: "database" | "redis", degraded: boolean) => void
    /** Calls whose usage waits for the database. */
    readonly setUsagePending: (calls: number) => void
    /** Prometheus' text format, version 0.0.4: of all processes on this port together. Fails where they cannot be asked. */
    readonly render: Effect.Effect<string, InternalError>
    /** What this process itself has measured, as Effect has it. */
    readonly snapshot: Effect.Effect<ReadonlyArray<Metric.Metric.Snapshot>>
  }
>()("xrouter/telemetry/Metrics") {
  /**
   * Each layer has a registry of its own, so that two gateways in one process do not count for each other. It is provided
   * as Effect's `MetricRegistry` too: whatever else the gateway measures, and every other exporter, uses the same one.
   */
  static readonly layer: Layer.Layer<Metrics> = Layer.effectContext(
    Effect.gen(function* () {
      const registry = Context.make(Metric.MetricRegistry, new Map())
      const measureProcess = yield* processMetrics(registry)
      // It brings an HTTP router, which an application that measures nothing has no use for.
      const { formatUnsafe } = yield* Effect.promise(() => import("effect/observability/PrometheusMetrics"))
      const metrics = make(registry, measureProcess, formatUnsafe)
      const siblings = yield* Siblings
      const render =
        siblings === undefined ? metrics.render : Effect.map(siblings, (told) => formatUnsafe(registryOf(told)))
      return Context.add(registry, Metrics, { ...metrics, render })
    })
  )
}

/**
 * Seconds since an instance last knew all that was revoked. By itself, since those who remember keys need not know of all else that is
 * measured; updated through Effect, it is told with the others.
 */
export const revocationLag = Metric.gauge("xrouter_revocation_lag_seconds", {
  description:
    "Since this instance last knew all that was revoked: 2 from one look to the next, more while the database is away"
})

/**
 * What a collector was to be sent and does not have: it found no room, was not taken, or was rejected. By itself, since those who send need
 * not know of all else that is measured.
 */
export const telemetryLost = (signal: "traces" | "metrics" | "logs") =>
  Metric.counter("xrouter_telemetry_lost_total", {
    description: "Spans, data points and lines of the log that their collector was to be sent and has not taken",
    attributes: { signal },
    incremental: true
  })

/** Seconds; from 10 ms, which an answer of the sandbox takes, to the minutes of a long completion. */
const durations = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600]
/** Seconds; from 0.1 ms. */
const overheads = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

const make = (
  registry: Context.Context<never>,
  measureProcess: () => void,
  format: (registry: Context.Context<never>) => string
): Metrics["Service"] => {
  // Reading a metric enters it into the registry: what has no label is told from the start, as 0.
  const counter = (name: string, description: string, attributes: Record<string, string> = {}): Update => {
    const metric = Metric.counter(name, { description, attributes, incremental: true })
    metric.valueUnsafe(registry)
    return (by) => {
      // One value that is no number would spoil the sum for as long as the process lives.
      if (Number.isFinite(by)) metric.updateUnsafe(by, registry)
    }
  }
  const gauge = (name: string, description: string, attributes: Record<string, string> = {}) => {
    const metric = Metric.gauge(name, { description, attributes })
    metric.valueUnsafe(registry)
    return {
      add: (by: number) => metric.modifyUnsafe(by, registry),
      set: (value: number) => metric.updateUnsafe(value, registry)
    }
  }
  const histogram = (
    name: string,
    description: string,
    boundaries: ReadonlyArray<number>,
    attributes: Record<string, string> = {}
  ): Update => {
    const metric = Metric.histogram(name, { description, boundaries, attributes })
    metric.valueUnsafe(registry)
    return (millis) => {
      if (Number.isFinite(millis)) metric.updateUnsafe(Math.max(0, millis) / 1000, registry)
    }
  }

  const requests = perLabel((provider) =>
    perLabel((model) =>
      counter("xrouter_requests_total", "Requests by provider and model, whatever their end", { provider, model })
    )
  )
  const latencies = perLabel((provider) =>
    histogram("xrouter_request_duration_seconds", "From the request's arrival to its end", durations, { provider })
  )
  const errors = perLabel((provider) =>
    perLabel((code) => counter("xrouter_errors_total", "Requests that ended with an error", { provider, code }))
  )
  const faultsBy = perLabel((by) => counter("xrouter_faults_total", "Failed requests, by whose doing it is", { by }))
  for (const by of faults) faultsBy(by)(0)
  const tokens = perLabel((provider) =>
    perLabel((direction) =>
      counter("xrouter_tokens_total", "Tokens that providers counted: input with the cached ones, output", {
        provider,
        direction
      })
    )
  )
  const ownCounts = perLabel((provider) =>
    perLabel((direction) =>
      counter("xrouter_tokens_estimated_total", "The gateway's own count of what providers counted", {
        provider,
        direction
      })
    )
  )
  const costs = perLabel((provider) =>
    perLabel((currency) =>
      counter("xrouter_cost_total", "What calls have cost by the configured prices", { provider, currency })
    )
  )
  const overhead = histogram(
    "xrouter_overhead_seconds",
    "The gateway's own share of a request: all of it but the waiting for the provider",
    overheads
  )
  const firstTokens = perLabel((provider) =>
    histogram("xrouter_time_to_first_token_seconds", "From arrival to the provider's first content", durations, {
      provider
    })
  )
  const activeRequests = gauge("xrouter_active_requests", "Inference requests being served now")
  const activeStreams = gauge("xrouter_active_streams", "Streams among them")
  const rateLimited = perLabel((reason) =>
    counter("xrouter_rate_limited_total", "Requests refused by a limit", { reason })
  )
  const disconnects = counter("xrouter_client_disconnects_total", "Clients that left before their answer's end")
  const retries = perLabel((provider) =>
    counter("xrouter_retries_total", "Calls of a provider that had failed the same request before", { provider })
  )
  const fallbacks = perLabel((from) =>
    perLabel((to) => counter("xrouter_fallbacks_total", "Requests that another candidate took over", { from, to }))
  )
  const circuits = perLabel((provider) =>
    gauge("xrouter_circuit_open", "1 while a circuit of the provider is open, 0 while all are closed", { provider })
  )
  const degraded = perLabel((component) =>
    gauge("xrouter_degraded", "1 while a component is worked around, 0 while it serves", { component })
  )
  const usagePending = gauge("xrouter_usage_pending", "Calls that have ended and are not in the database yet")

  return {
    recordRequest: (provider, model) => requests(provider)(model)(1),
    recordLatency: (provider, millis) => latencies(provider)(millis),
    recordError: (provider, code) => errors(provider)(code)(1),
    recordTokens: (provider, usage) => {
      const counters = tokens(provider)
      counters("input")(usage.promptTokens)
      counters("output")(usage.completionTokens)
    },
    recordOwnCount: (provider, usage) => {
      const counters = ownCounts(provider)
      counters("input")(usage.promptTokens)
      counters("output")(usage.completionTokens)
    },
    recordCost: (provider, currency, amount) => costs(provider)(currency)(amount),
    recordOverhead: overhead,
    recordFirstToken: (provider, millis) => firstTokens(provider)(millis),
    recordFault: (by) => faultsBy(by)(1),
    recordRateLimited: (reason) => rateLimited(reason)(1),
    recordDisconnect: () => disconnects(1),
    requestStarted: (stream) => {
      activeRequests.add(1)
      if (stream) activeStreams.add(1)
    },
    requestEnded: (stream) => {
      activeRequests.add(-1)
      if (stream) activeStreams.add(-1)
    },
    recordRetry: (provider) => retries(provider)(1),
    recordFallback: (from, to) => fallbacks(from)(to)(1),
    setCircuitOpen: (provider, isOpen) => circuits(provider).set(isOpen ? 1 : 0),
    setDegraded: (component, isDegraded) => degraded(component).set(isDegraded ? 1 : 0),
    setUsagePending: usagePending.set,
    render: Effect.sync(() => {
      measureProcess()
      return format(registry)
    }),
    snapshot: Effect.sync(() => {
      measureProcess()
      return Metric.snapshotUnsafe(registry)
    })
  }
}

type Update = (value: number) => void

/** One series for each value of a label, made when it is first seen; later a look-up by the caller's own string. */
const perLabel = <A>(make: (label: string) => A): ((label: string) => A) => {
  const known = new Map<string, A>()
  return (label) => {
    const existing = known.get(label)
    if (existing !== undefined) return existing
    const made = make(label)
    known.set(label, made)
    return made
  }
}
