import { Effect } from "effect"
import { setImmediate } from "node:timers/promises"

/** Looks again with each turn of the event loop, whatever the test's clock says, until it is true; dies after ten real seconds. */
export const eventually = <E, R>(look: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    const end = performance.now() + 10_000
    const again: Effect.Effect<void, E, R> = Effect.gen(function* () {
      if (yield* look) return
      if (performance.now() > end) return yield* Effect.die(new Error("it did not come true"))
      yield* Effect.promise(() => setImmediate())
      yield* again
    })
    return again
  })
