import { Effect } from "effect"

/**
 * One keystroke can be two signals: a terminal sends Ctrl-C to npm and to us, and npm passes its own on.
 */
const echo = "200 millis"

/** The signals that ask a process to stop. */
const signals = ["SIGTERM", "SIGINT"] as const

/** Begun when the process was told to stop; done when it is told so again. */
export const anotherSignal: Effect.Effect<void> = Effect.andThen(
  Effect.sleep(echo),
  Effect.callback<void>((resume) => {
    const onSignal = () => resume(Effect.void)
    for (const signal of signals) process.once(signal, onSignal)
    return Effect.sync(() => {
      for (const signal of signals) process.off(signal, onSignal)
    })
  })
)
