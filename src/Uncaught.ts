import { Effect, Layer } from "effect"

/**
 * Tells the log of an error that nobody has caught, and ends the process: what it has left undone is unknown, and calls that ran are told by
 * the journal at the next start. Node by itself would print the error with all that hangs on it: headers, bodies, queries.
 */
export const Uncaught = Layer.effectDiscard(
  Effect.gen(function* () {
    const services = yield* Effect.context<never>()
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        // Nor has a diagnostic report, which an operator may have switched on, our credentials in it.
        process.report.excludeEnv = true
        const onUncaught = (error: unknown, origin: NodeJS.UncaughtExceptionOrigin) => {
          const line = Effect.logFatal("The process ends: nobody has caught an error").pipe(
            Effect.annotateLogs({ origin, ...withoutWords(error) })
          )
          Effect.runSyncWith(services)(line)
          // The log writes its last lines as the process exits.
          process.exit(1)
        }
        process.on("uncaughtException", onUncaught)
        return onUncaught
      }),
      (onUncaught) => Effect.sync(() => process.off("uncaughtException", onUncaught))
    )
  })
)

/** What kind of error it is and where it was thrown. Its message may quote what was being read, a prompt or a key, and is left out. */
export const withoutWords = (error: unknown): Readonly<Record<string, string | undefined>> => {
  if (!(error instanceof Error)) return { error: typeof error }
  return { error: plainName(error.name), error_code: codeOf(error), stack: framesOf(error) }
}

/** As classes are named. */
const plainName = (name: unknown): string => (typeof name === "string" && /^\w{1,64}$/.test(name) ? name : "Error")

/** As Node and the system name faults: `ECONNRESET`, `ERR_INVALID_URL`. */
const codeOf = (error: Error): string | undefined =>
  "code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(error.code)
    ? error.code
    : undefined

/** The lines of the stack below the message, which may look like one of them. */
const framesOf = ({ message, stack }: Error): string | undefined => {
  if (typeof stack !== "string") return undefined
  const start = stack.indexOf(message)
  const frames = stack
    .slice(start === -1 ? 0 : start + message.length)
    .split("\n")
    .filter((line) => frame.test(line))
  return frames.length === 0 ? undefined : frames.map((line) => line.trim()).join("\n")
}

/** A place in a file, with or without the name of a function (V8, "Stack trace API"). */
const frame = /^ +at (?:.+ \()?(?:async )?(?:file:\/\/|node:|\/)[^\s()]+:\d+:\d+\)?$/
