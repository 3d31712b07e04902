import { Clock, Effect, Layer } from "effect"
import { make as makeResource } from "effect/observability/OtlpResource"
import { OtlpSerialization } from "effect/observability/OtlpSerialization"
import { ExportOptions, type MetricsExporting } from "./Collecting.ts"
import { collectorServices } from "./CollectorCall.ts"
import { makeDelivery, tries } from "./Delivery.ts"
import { Metrics } from "./Metrics.ts"
import { metricsData } from "./MetricsData.ts"

/** What `/metrics` shows, to a collector from time to time and once more at the end. Totals, so that one that was missed is not missing. */
export const layer: Layer.Layer<never, never, Metrics> = Layer.unwrap(
  Effect.map(ExportOptions, ({ metrics }) =>
    metrics === undefined
      ? Layer.empty
      : Layer.provide(Layer.effectDiscard(exporting(metrics)), collectorServices(metrics.protocol))
  )
)

export const exporting = Effect.fnUntraced(function* (options: MetricsExporting) {
  const metrics = yield* Metrics
  const serialization = yield* OtlpSerialization
  const clock = yield* Clock.Clock
  const resource = makeResource({ attributes: Object.fromEntries(options.resource) })
  const delivery = yield* makeDelivery(options, {
    signal: "Metrics",
    label: "metrics",
    items: undefined,
    parts: "data points"
  })
  const startedAt = clock.currentTimeMillisUnsafe()

  const exportAll = (tries: number) =>
    Effect.flatMap(metrics.snapshot, (snapshots) => {
      const data = metricsData(snapshots, resource, { startedAt, at: clock.currentTimeMillisUnsafe() })
      return delivery.deliver(serialization.metrics(data), 1, tries)
    })

  yield* Effect.addFinalizer(() => delivery.last(exportAll(1)))
  yield* Effect.sleep(options.interval).pipe(Effect.andThen(exportAll(tries)), Effect.forever, Effect.forkScoped)
})
