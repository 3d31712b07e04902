/** What both stores count in, in milliseconds. */
export const windowMillis = 60_000
export const dayMillis = 86_400_000

/** A lease that nobody renews ends by itself after this long; running requests renew theirs every `renewalMillis`. */
export const leaseMillis = 30_000
export const renewalMillis = 10_000

/** Nobody knows when a running request ends; this is what a caller who has too many of them is told to wait. */
export const concurrencyRetryMillis = 1000

/**
 * How coarse a log becomes when it gets long. Up to `exactEntries` entries each holds the additions of one millisecond;
 * beyond that an entry takes in everything within `coarseMillis` of its first addition. Memory is then bounded by
 * `exactEntries + windowMillis / coarseMillis` entries, whatever the limit.
 */
export interface Resolution {
  readonly exactEntries: number
  readonly coarseMillis: number
}

/** Limits of up to 600 a minute are exact to the millisecond, larger ones to a tenth of a second. */
export const requestResolution: Resolution = { exactEntries: 600, coarseMillis: 100 }

/** Up to 60 calls a minute are exact to the millisecond, more of them to a second. */
export const tokenResolution: Resolution = { exactEntries: 60, coarseMillis: 1000 }
