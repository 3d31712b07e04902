import { Effect } from "effect"

/** What an effect gives, and the milliseconds of the real clock that it took. */
export const elapsed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const startedAt = performance.now()
    const value = yield* effect
    return [value, performance.now() - startedAt] as const
  })
