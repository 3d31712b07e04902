import type { Series } from "./Series.ts"

/** Gauges that say how much there is, so that several processes have it together. */
const amounts: ReadonlySet<string> = new Set([
  "xrouter_active_requests",
  "xrouter_active_streams",
  "xrouter_usage_pending",
  "xrouter_process_resident_memory_bytes",
  "xrouter_process_heap_bytes",
  "xrouter_process_external_memory_bytes",
  "xrouter_process_open_sockets"
])

/** Since when there is a process: that of the first one stands for all. */
const start = "xrouter_process_start_time_seconds"

/** Of all others (delays, and what is 1 while something is wrong) the largest is told: how it stands where it stands worst. */
const ofGauges = (id: string, one: number, other: number): number =>
  amounts.has(id) ? one + other : id === start ? Math.min(one, other) : Math.max(one, other)

/** What several processes have measured, as one: series of one name and the same labels become one series. */
export const sumOf = (told: Iterable<ReadonlyArray<Series>>): ReadonlyArray<Series> => {
  const sums = new Map<string, Series>()
  for (const all of told) {
    for (const series of all) {
      const key = keyOf(series)
      const known = sums.get(key)
      sums.set(key, known === undefined ? series : together(known, series))
    }
  }
  return [...sums.values()]
}

/** Without gauges: what a process that tells nothing any more has still done. */
export const totalsOf = (series: ReadonlyArray<Series>): ReadonlyArray<Series> =>
  series.filter(({ type }) => type !== "Gauge")

const keyOf = ({ attributes, id }: Series): string =>
  JSON.stringify([id, ...Object.entries(attributes).sort(([one], [other]) => (one < other ? -1 : 1))])

const together = (one: Series, other: Series): Series => {
  if (one.type === "Counter" && other.type === "Counter") return { ...one, value: one.value + other.value }
  if (one.type === "Gauge" && other.type === "Gauge") {
    return { ...one, value: ofGauges(one.id, one.value, other.value) }
  }
  if (one.type === "Histogram" && other.type === "Histogram") {
    return {
      ...one,
      // One program, and so the same boundaries.
      buckets: one.buckets.map(([boundary, count], index) => [boundary, count + (other.buckets[index]?.[1] ?? 0)]),
      count: one.count + other.count,
      sum: one.sum + other.sum,
      min: Math.min(one.min, other.min),
      max: Math.max(one.max, other.max)
    }
  }
  return one
}
