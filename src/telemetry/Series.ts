import { Context, Metric } from "effect"

interface About {
  readonly id: string
  readonly description: string | undefined
  readonly attributes: Metric.Metric.AttributeSet
}

/** What a process has measured under one name and its labels, in a form that goes to another process. */
export type Series =
  | (About & { readonly type: "Counter"; readonly value: number })
  | (About & { readonly type: "Gauge"; readonly value: number })
  | (About & { readonly type: "Histogram" } & Omit<Metric.HistogramState, "_tag">)

/** Of the kinds that we measure by. */
export const seriesOf = (snapshots: ReadonlyArray<Metric.Metric.Snapshot>): ReadonlyArray<Series> =>
  snapshots.flatMap(({ attributes = {}, description, id, ...kept }): ReadonlyArray<Series> => {
    const about = { id, description, attributes }
    switch (kept.type) {
      case "Counter":
        return [{ ...about, type: kept.type, value: Number(kept.state.count) }]
      case "Gauge":
        return [{ ...about, type: kept.type, value: Number(kept.state.value) }]
      case "Histogram": {
        const { buckets, count, max, min, sum } = kept.state
        return [{ ...about, type: kept.type, buckets, count, max, min, sum }]
      }
      default:
        return []
    }
  })

/** A registry that holds just these, for whoever writes one out. */
export const registryOf = (series: ReadonlyArray<Series>): Context.Context<never> =>
  Context.make(
    Metric.MetricRegistry,
    new Map(
      series.map((one, index) => {
        const { attributes, description, id, type } = one
        const hooks = { get: () => stateOf(one), update: ignored, modify: ignored }
        return [String(index), { id, type, description, attributes, hooks }]
      })
    )
  )

const stateOf = (series: Series) => {
  switch (series.type) {
    case "Counter":
      return { count: series.value, incremental: true }
    case "Gauge":
      return { value: series.value }
    case "Histogram":
      return series
  }
}

const ignored = () => undefined
