import { Effect, Layer } from "effect"
import { unreadVariables } from "./config/Environment.ts"
import { Settings } from "./config/Settings.ts"
import { Worker } from "./config/Worker.ts"
import { withoutEffect } from "./config/WithoutEffect.ts"

/** Warns at the start of everything that was set and does nothing; of several workers the primary does, once. */
export const Notices = Layer.effectDiscard(
  Effect.gen(function* () {
    if ((yield* Worker) !== undefined) return
    const notices = [...(yield* unreadVariables), ...(yield* withoutEffect(yield* Settings))]
    for (const { at, message } of notices) yield* Effect.logWarning(`${at} ${message}`)
  })
)
