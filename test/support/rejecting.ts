import { Effect, Layer } from "effect"
import * as Logging from "../../src/telemetry/Logging.ts"
import { LogOptions } from "../../src/telemetry/LogOptions.ts"
import { Uncaught } from "../../src/Uncaught.ts"

/** Rejects what nobody waits for, with a secret of its environment that is not even an error, and would live on for ever. */
const Log = Logging.layer.pipe(Layer.provide(Layer.succeed(LogOptions, { format: "json", level: "info" })))

Effect.runFork(
  Effect.sync(() => void Promise.reject({ secret: process.env["SECRET"] })).pipe(
    Effect.andThen(Effect.never),
    Effect.provide(Uncaught.pipe(Layer.provideMerge(Log)))
  )
)
