/** The value under which a share of the ascending values lies; NaN of none. */
export const quantile = (ascending: ArrayLike<number>, share: number): number =>
  ascending[Math.min(ascending.length - 1, Math.max(0, Math.ceil(share * ascending.length) - 1))] ?? Number.NaN

export interface Spread {
  readonly median: number
  /** The interquartile range. */
  readonly low: number
  readonly high: number
}

export const spreadOf = (values: ReadonlyArray<number>): Spread => {
  const ascending = values.toSorted((a, b) => a - b)
  const middle = Math.floor(ascending.length / 2)
  const upper = ascending[middle] ?? Number.NaN
  const median = ascending.length % 2 === 1 ? upper : ((ascending[middle - 1] ?? Number.NaN) + upper) / 2
  return { median, low: quantile(ascending, 0.25), high: quantile(ascending, 0.75) }
}

/**
 * By how much the last third of the values lies above the third before, as a share of it: 0 is flat. The first third is the process
 * finding its size; the medians are of a heap before and after its collections.
 */
export const growthOf = (values: ReadonlyArray<number>): number => {
  const third = Math.floor(values.length / 3)
  return spreadOf(values.slice(2 * third)).median / spreadOf(values.slice(third, 2 * third)).median - 1
}
