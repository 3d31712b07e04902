import { Cause, Formatter, Layer, Logger, References } from "effect"
import { type LogLevel, type LogLine, toJson, toPretty } from "./LogLine.ts"
import type { LogOptions } from "./LogOptions.ts"
import type { LogOutput } from "./LogOutput.ts"

/** Effect's log from a level on, each entry as one line to all who take it. */
export const loggingTo = (
  { level, worker }: LogOptions["Service"],
  ...takers: ReadonlyArray<(line: LogLine) => void>
): Layer.Layer<never> => {
  const logger = Logger.make((entry) => {
    const line = ofWorker(toLine(entry), worker)
    for (const take of takers) take(line)
  })
  return Layer.mergeAll(
    // The tracer's logger turns entries into events of the span at hand; it writes nothing.
    Logger.layer([logger, Logger.tracerLogger]),
    Layer.succeed(References.MinimumLogLevel, minimum[level])
  )
}

/** Writes lines to the log's output, in the form that was asked for. */
export const toOutput = (
  { format }: LogOptions["Service"],
  output: LogOutput["Service"]
): ((line: LogLine) => void) => {
  const text = format === "json" ? toJson : toPretty
  return (line) => output.write(text(line))
}

/** With the field that tells whose line it is, where several write. */
export const ofWorker = (line: LogLine, worker: number | undefined): LogLine =>
  worker === undefined ? line : { ...line, fields: { ...line.fields, worker } }

const minimum = { trace: "Trace", debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

const toLine = ({ cause, date, fiber, logLevel, message }: Logger.Options<unknown>): LogLine => {
  const parts = Array.isArray(message) ? message : [message]
  const errors = parts.filter((part) => part instanceof Error)
  const texts = parts.filter((part) => !(part instanceof Error))
  const fields: Record<string, unknown> = { ...fiber.getRef(References.CurrentLogAnnotations) }
  for (const [label, startedAt] of fiber.getRef(References.CurrentLogSpans)) {
    fields[`${label}_ms`] = date.getTime() - startedAt
  }
  return {
    at: date.getTime(),
    level: levels[logLevel],
    message: texts.length > 0 ? texts.map(textOf).join(" ") : (errors[0]?.message ?? "An error without a message"),
    fields,
    cause: renderErrors(cause, errors)
  }
}

const textOf = (part: unknown): string => (typeof part === "string" ? part : Formatter.format(part))

/** An error may come in the cause, among the message's parts, or in both: it is told once. */
const renderErrors = (cause: Cause.Cause<unknown>, errors: ReadonlyArray<Error>): string | undefined => {
  const told = new Set(
    cause.reasons.map((reason) =>
      Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : undefined
    )
  )
  const further = errors.filter((error) => !told.has(error)).map((error) => Cause.makeFailReason(error))
  const all = Cause.fromReasons([...cause.reasons, ...further])
  return all.reasons.length === 0 ? undefined : Cause.pretty(all)
}

const levels = {
  All: "trace",
  Trace: "trace",
  Debug: "debug",
  Info: "info",
  Warn: "warn",
  Error: "error",
  Fatal: "fatal",
  None: "info"
} as const satisfies Record<Logger.Options<unknown>["logLevel"], LogLevel>
