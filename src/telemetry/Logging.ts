import { Effect, Layer } from "effect"
import { LogExport } from "./LogExport.ts"
import { LogOptions } from "./LogOptions.ts"
import { LogOutput } from "./LogOutput.ts"
import { loggingTo, toOutput } from "./OutputLogging.ts"
import { ofLine } from "./LogRecord.ts"

/**
 * Effect's log in the form and from the level that `LogOptions` name: one line an entry, on the log's
 * output and, where it is exported, to the collector. Annotations are fields of the line; spans are fields in milliseconds.
 */
export const layerNoDeps: Layer.Layer<never, never, LogOptions | LogOutput> = Layer.unwrap(
  Effect.gen(function* () {
    const options = yield* LogOptions
    const write = toOutput(options, yield* LogOutput)
    const { push } = yield* LogExport
    return push === undefined
      ? loggingTo(options, write)
      : loggingTo(options, write, (line) => {
          const record = ofLine(line)
          push(() => record)
        })
  })
)

export const layer: Layer.Layer<never, never, LogOptions> = Layer.provide(layerNoDeps, [
  LogOutput.layer,
  LogExport.layer
])
