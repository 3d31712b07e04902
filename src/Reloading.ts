import { Effect, FileSystem, Layer, Queue, Schedule } from "effect"
import { isatty } from "node:tty"
import { Reload } from "./config/Reload.ts"

/** So often the file is looked at; what it says counts once it has been the same twice, so that nobody reads half of it. */
const lookEvery = "1 second"

const standardOutput = 1

/** Reads the file again when it changes, and at SIGHUP. What cannot be used is told, and what was read before stays. */
export const Reloading = Layer.effectDiscard(
  Effect.gen(function* () {
    const { file, reload } = yield* Reload
    const files = yield* FileSystem.FileSystem

    const read = Effect.matchEffect(reload, {
      onFailure: ({ message }) => Effect.logError(`${file} is refused, what was read before stays. ${message}`),
      onSuccess: (isChanged) =>
        Effect.logInfo(
          isChanged ? `${file} was read again: models, tiers and limits are as it says now` : `${file} changes nothing`
        )
    })

    /** Undefined where there is none, or none that can be read. */
    const text = Effect.orElseSucceed(files.readFileString(file), () => undefined)
    let known = yield* text
    let seen = known
    const look = Effect.flatMap(text, (now) => {
      const isSettled = now === seen
      seen = now
      if (!isSettled || now === known) return Effect.void
      known = now
      return read
    })
    yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced(lookEvery)))

    // In a terminal it means that the terminal is gone, and that nobody wants to see us there any more.
    if (isatty(standardOutput)) return
    const hangups = yield* Queue.sliding<void>(1)
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const onHangup = () => Queue.offerUnsafe(hangups, undefined)
        process.on("SIGHUP", onHangup)
        return onHangup
      }),
      (onHangup) => Effect.sync(() => process.off("SIGHUP", onHangup))
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(hangups), read)))
  })
)
