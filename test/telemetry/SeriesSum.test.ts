import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Schema } from "effect"
import { formatUnsafe } from "effect/observability/PrometheusMetrics"
import { Metrics, revocationLag } from "../../src/telemetry/Metrics.ts"
import { registryOf, type Series, seriesOf } from "../../src/telemetry/Series.ts"
import { sumOf, totalsOf } from "../../src/telemetry/SeriesSum.ts"
import { Siblings } from "../../src/telemetry/Siblings.ts"

/** A process of its own. */
const process = <A>(use: (metrics: Metrics["Service"]) => A) =>
  Effect.flatMap(Metrics, (metrics) => {
    use(metrics)
    return Effect.map(metrics.snapshot, seriesOf)
  }).pipe(Effect.provide(Layer.fresh(Metrics.layer)))

/** What is of the process itself is never the same twice. */
const ofRequests = (series: ReadonlyArray<Series>) =>
  new Map(
    series
      .filter(({ id }) => !id.startsWith("xrouter_process_"))
      .map((one) => [`${one.id}${JSON.stringify(one.attributes)}`, one] as const)
  )

const events = {
  request: (metrics: Metrics["Service"], provider: string) => metrics.recordRequest(provider, "a"),
  // Binary fractions that can be added in any order.
  latency: (metrics: Metrics["Service"], provider: string, amount: number) =>
    metrics.recordLatency(provider, amount * 125),
  cost: (metrics: Metrics["Service"], provider: string, amount: number) => metrics.recordCost(provider, "RUB", amount),
  begin: (metrics: Metrics["Service"]) => metrics.requestStarted(true)
}

const Happenings = Schema.Array(
  Schema.Struct({
    event: Schema.Literals(["request", "latency", "cost", "begin"]),
    provider: Schema.Literals(["one", "two"]),
    amount: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
  })
)

const happen = (all: typeof Happenings.Type) => (metrics: Metrics["Service"]) => {
  for (const { amount, event, provider } of all) events[event](metrics, provider, amount)
}

describe("the sum of what processes have measured", () => {
  it.effect.prop(
    "is what one process that did it all would have measured",
    [Happenings, Happenings],
    ([some, others]) =>
      Effect.gen(function* () {
        const apart = [yield* process(happen(some)), yield* process(happen(others))]
        const alone = yield* process(happen([...some, ...others]))
        assert.deepStrictEqual(ofRequests(sumOf(apart)), ofRequests(alone))
      })
  )

  it.effect("has of each gauge the amount of all, or how it is where it is worst, and the first start", () =>
    Effect.gen(function* () {
      const series = yield* Effect.flatMap(Metrics, (metrics) => {
        metrics.setCircuitOpen("openai", true)
        metrics.setDegraded("redis", false)
        return Effect.andThen(Metric.update(revocationLag, 1), Effect.map(metrics.snapshot, seriesOf))
      }).pipe(Effect.provide(Metrics.layer))
      const gauges = (value: number) => series.flatMap((one) => (one.type === "Gauge" ? [{ ...one, value }] : []))
      const sums = sumOf([gauges(2), gauges(3), gauges(2)]).flatMap((one) =>
        one.type === "Gauge" ? [[one.id, one.value] as const] : []
      )
      assert.deepStrictEqual(Object.fromEntries(sums), {
        xrouter_active_requests: 7,
        xrouter_active_streams: 7,
        xrouter_usage_pending: 7,
        xrouter_process_resident_memory_bytes: 7,
        xrouter_process_heap_bytes: 7,
        xrouter_process_external_memory_bytes: 7,
        xrouter_process_open_sockets: 7,
        xrouter_circuit_open: 3,
        xrouter_degraded: 3,
        xrouter_revocation_lag_seconds: 3,
        xrouter_process_event_loop_lag_p99_seconds: 3,
        xrouter_process_event_loop_lag_max_seconds: 3,
        xrouter_process_start_time_seconds: 2
      })
      assert.deepStrictEqual(totalsOf(gauges(1)), [])
    })
  )

  it.effect("is written as the registry of one process is", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      metrics.recordRequest("openai", 'a "model"\n')
      metrics.recordLatency("openai", 1234)
      metrics.setCircuitOpen("openai", true)
      const registry = yield* Effect.context<never>()
      const told = yield* Effect.map(metrics.snapshot, seriesOf)
      // As it comes out of the channel between processes.
      assert.strictEqual(formatUnsafe(registryOf(structuredClone(told))), formatUnsafe(registry))
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("is what a process with siblings shows, and exports nothing but its own", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      metrics.recordRequest("openai", "a")
      const text = yield* metrics.render
      assert.include(text, 'xrouter_requests_total{provider="openai",model="a"} 40\n')
      const own = seriesOf(yield* metrics.snapshot).find(({ id }) => id === "xrouter_requests_total")
      assert.deepInclude(own, { value: 1 })
    }).pipe(
      Effect.provide(Metrics.layer),
      Effect.provideService(
        Siblings,
        Effect.succeed([
          {
            type: "Counter",
            id: "xrouter_requests_total",
            description: "",
            attributes: { provider: "openai", model: "a" },
            value: 40
          }
        ])
      )
    )
  )
})
