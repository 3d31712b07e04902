import { Formatter } from "effect"
import type { LogsData } from "effect/observability/OtlpLogger"
import { type AnyValue, unknownToAttributeValue } from "effect/observability/OtlpResource"
import type { LogLine } from "./LogLine.ts"

/** A line of the log as OTLP has it. */
export type LogRecord = NonNullable<LogsData["resourceLogs"][number]["scopeLogs"][number]["logRecords"]>[number]

/**
 * Fields are attributes under their own names, `cause` is `exception.stacktrace`, `trace_id` and `span_id` are the record's. What is no scalar
 * is formatted as on the output: secrets that are `Redacted` stay so, at any depth.
 */
export const ofLine = ({ at, cause, fields, level, message }: LogLine): LogRecord => {
  const attributes: LogRecord["attributes"] = []
  const ids: Partial<Record<"traceId" | "spanId", string>> = {}
  for (const [key, value] of Object.entries(fields)) {
    // OTLP in JSON has no word for what is no number; one of them would cost the whole batch.
    if (value === undefined || value === null || (typeof value === "number" && !Number.isFinite(value))) continue
    const id = idFields.get(key)
    if (id !== undefined && typeof value === "string") ids[id] = value
    else attributes.push({ key, value: valueOf(key, value) })
  }
  if (cause !== undefined) attributes.push({ key: "exception.stacktrace", value: { stringValue: flat(cause) } })
  const time = `${at}000000`
  return {
    timeUnixNano: time,
    observedTimeUnixNano: time,
    severityNumber: severities[level],
    severityText: level,
    body: { stringValue: flat(message) },
    attributes,
    droppedAttributesCount: 0,
    ...(ids.traceId === undefined ? {} : { ...ids, flags: sampled })
  }
}

const idFields: ReadonlyMap<string, "traceId" | "spanId"> = new Map([
  ["trace_id", "traceId"],
  ["span_id", "spanId"]
])

/** `LogRecordFlags` of OTLP: those of the span, and only what is sampled has one. */
const sampled = 1

/** `SeverityNumber` of OTLP. */
const severities = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const satisfies Record<
  LogLine["level"],
  number
>

const valueOf = (key: string, value: unknown): AnyValue => {
  switch (typeof value) {
    case "string":
      return { stringValue: flat(value) }
    case "boolean":
      return { boolValue: value }
    case "number":
      // A column of durations must not be one of whole numbers because the first one was.
      return key.endsWith("_ms") ? { doubleValue: value } : unknownToAttributeValue(value)
    default:
      return { stringValue: flat(Formatter.format(value)) }
  }
}

/** Characters of one text that waits. */
const longest = 8192

/** A part of a text keeps all of it in memory, until it is copied. */
const flat = (text: string): string =>
  text.length <= longest
    ? text
    : `${Buffer.from(text.slice(0, longest)).toString()}… (${text.length - longest} more characters)`
