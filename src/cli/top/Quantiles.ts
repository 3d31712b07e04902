import type { Exposition } from "./Exposition.ts"

/** Seconds below which half and 95 of a hundred observations are. */
export interface Quantiles {
  readonly p50: number
  readonly p95: number
}

/** Of what a histogram has observed between two moments, all its series with these labels together; undefined where that is nothing. */
export const quantilesBetween = (
  from: Exposition,
  to: Exposition,
  histogram: string,
  labels: Readonly<Record<string, string>> = {}
): Quantiles | undefined => {
  const before = bucketsOf(from, histogram, labels)
  const buckets = Array.from(bucketsOf(to, histogram, labels), ([bound, count]) => ({
    bound,
    count: count - (before.get(bound) ?? 0)
  })).sort((a, b) => a.bound - b.bound)
  const p50 = quantile(0.5, buckets)
  const p95 = quantile(0.95, buckets)
  return p50 === undefined || p95 === undefined ? undefined : { p50, p95 }
}

export interface Bucket {
  /** Its upper bound; that of the last one is infinite. */
  readonly bound: number
  /** Observations up to the bound, those of the buckets before among them. */
  readonly count: number
}

/**
 * As Prometheus' `histogram_quantile` has it: evenly spread within a bucket, and the last finite bound for what lies above. Buckets are
 * in the order of their bounds.
 */
export const quantile = (share: number, buckets: ReadonlyArray<Bucket>): number | undefined => {
  const total = buckets.at(-1)?.count ?? 0
  if (!(total > 0)) return undefined
  const rank = share * total
  const at = buckets.findIndex(({ count }) => count >= rank)
  const bucket = buckets[at]
  if (bucket === undefined) return undefined
  const below = buckets[at - 1] ?? { bound: 0, count: 0 }
  if (!Number.isFinite(bucket.bound)) return below.bound
  return below.bound + ((bucket.bound - below.bound) * (rank - below.count)) / (bucket.count - below.count)
}

const bucketsOf = (told: Exposition, histogram: string, wanted: Readonly<Record<string, string>>) => {
  const buckets = new Map<number, number>()
  const entries = Object.entries(wanted)
  for (const { labels, value } of told.samples(`${histogram}_bucket`)) {
    if (!entries.every(([label, of]) => labels.get(label) === of)) continue
    const le = labels.get("le")
    const bound = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le)
    buckets.set(bound, (buckets.get(bound) ?? 0) + value)
  }
  return buckets
}
