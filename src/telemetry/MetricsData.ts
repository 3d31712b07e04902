import type { Metric } from "effect"
import type { MetricsData } from "effect/observability/OtlpMetrics"
import { entriesToAttributes, type Resource } from "effect/observability/OtlpResource"

type OtlpMetric = MetricsData["resourceMetrics"][number]["scopeMetrics"][number]["metrics"][number]

/** Milliseconds since 1970: since when totals are counted, and now. */
export interface Times {
  readonly startedAt: number
  readonly at: number
}

/** What the registry holds, as OTLP has it: counters, gauges and histograms, the kinds that we measure by. */
export const metricsData = (
  snapshots: ReadonlyArray<Metric.Metric.Snapshot>,
  resource: Resource,
  { at, startedAt }: Times
): MetricsData => {
  const metrics = new Map<string, OtlpMetric>()
  const times = { startTimeUnixNano: `${startedAt}000000`, timeUnixNano: `${at}000000` }
  for (const { attributes: labels = {}, description = "", id, ...kept } of snapshots) {
    const known = metrics.get(id)
    const about = { name: id, description, ...unitOf(id) }
    const point = { ...times, attributes: entriesToAttributes(Object.entries(labels)) }
    switch (kept.type) {
      case "Counter": {
        const { count, incremental } = kept.state
        const dataPoints = known?.sum?.dataPoints ?? []
        dataPoints.push({ ...point, asDouble: Number(count) })
        metrics.set(id, { ...about, sum: { dataPoints, aggregationTemporality: cumulative, isMonotonic: incremental } })
        break
      }
      case "Gauge": {
        const dataPoints = known?.gauge?.dataPoints ?? []
        dataPoints.push({ ...point, asDouble: Number(kept.state.value) })
        metrics.set(id, { ...about, gauge: { dataPoints } })
        break
      }
      case "Histogram": {
        const { buckets, count, sum } = kept.state
        const dataPoints = known?.histogram?.dataPoints ?? []
        dataPoints.push({ ...point, count, sum, ...bucketsOf(buckets, count) })
        metrics.set(id, { ...about, histogram: { dataPoints, aggregationTemporality: cumulative } })
      }
    }
  }
  return {
    resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "xrouter" }, metrics: [...metrics.values()] }] }]
  }
}

/** `AggregationTemporality` of OTLP. */
const cumulative = 2

/** Ours hold what is at most their boundary; OTLP's what is between two, and at the end what is above all of them. */
const bucketsOf = (buckets: ReadonlyArray<readonly [boundary: number, upTo: number]>, count: number) => {
  const explicitBounds: Array<number> = []
  const bucketCounts: Array<number> = []
  let below = 0
  for (const [boundary, upTo] of buckets) {
    if (boundary === Infinity) break
    explicitBounds.push(boundary)
    bucketCounts.push(upTo - below)
    below = upTo
  }
  bucketCounts.push(count - below)
  return { explicitBounds, bucketCounts }
}

/** As the name says. Without one the unit is left out: Prometheus would name a gauge whose unit is `1` a ratio. */
const unitOf = (name: string): { readonly unit?: string } => {
  if (/_seconds(_total)?$/.test(name)) return { unit: "s" }
  return name.endsWith("_bytes") ? { unit: "By" } : {}
}
