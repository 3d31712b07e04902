import { Clock, Effect } from "effect"

/** Runs an effect by the clock at hand, whose time of day it can set back while time passes on as ever. */
export const withSettableClock = <A, E, R>(
  use: (setBack: (millis: number) => void) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Clock.clockWith((clock) => {
    let behind = 0
    const now = () => clock.currentTimeMillisUnsafe() - behind
    const own: Clock.Clock = Object.assign(Object.create(clock), {
      currentTimeMillisUnsafe: now,
      currentTimeMillis: Effect.sync(now)
    })
    const setBack = (millis: number) => {
      behind += millis
    }
    return Effect.provideService(use(setBack), Clock.Clock, own)
  })
