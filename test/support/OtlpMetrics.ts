/** Metrics by OTLP in JSON, as a scrape of the same would tell them. */
export interface ToldMetrics {
  readonly types: ReadonlyMap<string, string>
  /** Under their names and sorted labels; a histogram's buckets hold what is at most their boundary. */
  readonly samples: ReadonlyMap<string, number>
  readonly units: ReadonlyMap<string, string | undefined>
  readonly resource: Readonly<Record<string, unknown>>
  readonly temporalities: ReadonlySet<number>
  readonly startedAt: string
  readonly at: string
}

interface KeyValue {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface Point {
  readonly attributes: ReadonlyArray<KeyValue>
  readonly startTimeUnixNano: string
  readonly timeUnixNano: string
  readonly asDouble: number
  readonly count: number
  readonly sum: number
  readonly bucketCounts: ReadonlyArray<number>
  readonly explicitBounds: ReadonlyArray<number>
}

interface Metric {
  readonly name: string
  readonly unit?: string
  readonly sum?: Points & { readonly isMonotonic: boolean }
  readonly gauge?: Points
  readonly histogram?: Points
}

interface Points {
  readonly dataPoints: ReadonlyArray<Point>
  readonly aggregationTemporality?: number
}

export const toldBy = (json: string): ToldMetrics => {
  const [{ resource, scopeMetrics }] = JSON.parse(json).resourceMetrics
  const metrics: ReadonlyArray<Metric> = scopeMetrics[0].metrics
  const samples = new Map<string, number>()
  const types = new Map<string, string>()
  const temporalities = new Set<number>()
  let times = { startedAt: "", at: "" }
  for (const { gauge, histogram, name, sum } of metrics) {
    const type = histogram !== undefined ? "histogram" : sum?.isMonotonic === true ? "counter" : "gauge"
    types.set(name, type)
    const points = histogram ?? sum ?? gauge
    if (points?.aggregationTemporality !== undefined) temporalities.add(points.aggregationTemporality)
    for (const point of points?.dataPoints ?? []) {
      const labels = point.attributes.map(({ key, value }): [string, unknown] => [key, Object.values(value)[0]])
      times = { startedAt: point.startTimeUnixNano, at: point.timeUnixNano }
      if (type !== "histogram") {
        samples.set(seriesOf(name, labels), point.asDouble)
        continue
      }
      let upTo = 0
      for (const [index, count] of point.bucketCounts.entries()) {
        upTo += count
        samples.set(
          seriesOf(`${name}_bucket`, [...labels, ["le", String(point.explicitBounds[index] ?? "+Inf")]]),
          upTo
        )
      }
      samples.set(seriesOf(`${name}_sum`, labels), point.sum)
      samples.set(seriesOf(`${name}_count`, labels), point.count)
    }
  }
  return {
    types,
    samples,
    temporalities,
    ...times,
    units: new Map(metrics.map(({ name, unit }) => [name, unit])),
    resource: Object.fromEntries(resource.attributes.map(({ key, value }: KeyValue) => [key, Object.values(value)[0]]))
  }
}

const seriesOf = (name: string, labels: ReadonlyArray<readonly [string, unknown]>): string =>
  name + JSON.stringify([...labels].sort(([a], [b]) => a.localeCompare(b)))
