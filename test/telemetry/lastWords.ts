import { Effect, Layer } from "effect"
import { LogOptions } from "../../src/telemetry/LogOptions.ts"
import { LogOutput } from "../../src/telemetry/LogOutput.ts"

/** Logs and exits in the same breath, with all its layers open. */
Effect.runFork(
  Effect.gen(function* () {
    const output = yield* LogOutput
    output.write("last words")
    process.exit(3)
  }).pipe(
    Effect.provide(LogOutput.layer.pipe(Layer.provide(Layer.succeed(LogOptions, { format: "json", level: "info" }))))
  )
)
