import { Clock, Duration, Effect } from "effect"

/**
 * At most `most` starts within any `window`, for all who wait at one of these: each has its place in the order in which they
 * came. One who leaves while waiting leaves the place empty.
 */
export const make = (most: number, window: Duration.Duration): Effect.Effect<void> => {
  const millis = Duration.toMillis(window)
  /** When the last `most` started or will start; the next overwrites the oldest. */
  const starts = Array.from({ length: most }, () => Number.NEGATIVE_INFINITY)
  let next = 0
  return Effect.flatMap(Clock.monotonicTimeNanos, (nanos) => {
    const now = Number(nanos) / 1e6
    const start = Math.max(now, (starts[next] ?? now) + millis)
    starts[next] = start
    next = (next + 1) % most
    return start > now ? Effect.sleep(Duration.millis(start - now)) : Effect.void
  })
}
