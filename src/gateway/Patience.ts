import { Clock, Duration, Effect, Fiber } from "effect"

/** A wait of one length, which nearly always ends before its time. */
export interface Patience {
  /** Calls `late` when the time is over, unless what it returns has been called by then. */
  readonly wait: (late: () => void) => () => void
}

interface Wait {
  readonly until: number
  late: (() => void) | undefined
}

/**
 * Has one timer for all waits, however many there are: since they are of one length, they end in the order in which they began. The timer
 * runs as long as somebody waits, and ends with the scope.
 */
export const makePatience = Effect.fnUntraced(function* (length: Duration.Input) {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const fork = Effect.runForkWith(yield* Effect.context())
  const millis = Duration.toMillis(length)
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  const waits = new Set<Wait>()
  let isWatched = false

  const watch = Effect.gen(function* () {
    for (let [first] = waits; first !== undefined; [first] = waits) {
      yield* Effect.sleep(Math.ceil(Math.max(0, first.until - now())))
      const at = now()
      for (const wait of waits) {
        if (wait.until > at) break
        waits.delete(wait)
        wait.late?.()
      }
    }
    isWatched = false
  })

  const wait: Patience["wait"] = (late) => {
    const own: Wait = { until: now() + millis, late }
    waits.add(own)
    if (!isWatched) {
      isWatched = true
      Fiber.runIn(fork(watch), scope)
    }
    return () => {
      waits.delete(own)
      // An old table of the set may hold it still (`Roster`): at least not the request with it.
      own.late = undefined
    }
  }
  return { wait } satisfies Patience
})
