import { Clock, Context, Effect, Layer } from "effect"
import type { ErrorCode } from "../domain/Errors.ts"
import type { Usage } from "../domain/Usage.ts"
import { excerpt } from "./Excerpt.ts"
import { type LogLine, quote, toPretty } from "./LogLine.ts"
import { LogExport } from "./LogExport.ts"
import { LogOptions } from "./LogOptions.ts"
import { LogOutput } from "./LogOutput.ts"
import { ofLine } from "./LogRecord.ts"
import { ofWorker } from "./OutputLogging.ts"

/** What is told of one request. No field has room for a key, a header or a prompt. */
export interface RequestRecord {
  readonly requestId: string
  /** Of the trace, where the request has one. */
  readonly traceId?: string | undefined
  /** Of the request's own span. */
  readonly spanId?: string | undefined
  readonly method: string
  /** The route's pattern, `/v1/models/{id}`: never the path as it was typed. */
  readonly route: string
  readonly status: number
  readonly stream: boolean
  /** From the request's arrival to the last byte of its answer, in milliseconds. */
  readonly durationMillis: number
  readonly ip?: string | undefined
  readonly code?: ErrorCode | undefined
  readonly reason?: string | undefined
  /** True where the client left before the end. */
  readonly cancelled?: boolean | undefined
  readonly keyId?: string | undefined
  readonly userId?: string | undefined
  /** As the client asked for it. */
  readonly model?: string | undefined
  readonly provider?: string | undefined
  readonly providerModel?: string | undefined
  readonly usage?: Usage | undefined
  /** A decimal number, where a price is known. */
  readonly cost?: string | undefined
  readonly currency?: string | undefined
  /** Our own share of the duration, in milliseconds. */
  readonly overheadMillis?: number | undefined
  readonly firstTokenMillis?: number | undefined
}

/**
 * The access log: one line a request, on the way of every one of them. So its JSON is put together by hand and Effect's
 * logger is left out. A failure of ours or of a provider's is a warning, everything else is info.
 */
export class RequestLog extends Context.Service<
  RequestLog,
  {
    readonly write: (record: RequestRecord) => void
  }
>()("xrouter/telemetry/RequestLog") {
  static readonly layerNoDeps: Layer.Layer<RequestLog, never, LogOptions | LogOutput> = Layer.effect(
    RequestLog,
    Effect.gen(function* () {
      const options = yield* LogOptions
      const output = yield* LogOutput
      const clock = yield* Clock.Clock
      const { push } = yield* LogExport
      const format = signed(options.format === "json" ? requestToJson(timestamps()) : requestToPretty, options)
      return {
        write: (record) => {
          const level = isFault(record) ? "warn" : "info"
          if (!writes[level].has(options.level)) return
          const at = clock.currentTimeMillisUnsafe()
          output.write(format(record, level, at))
          if (push === undefined) return
          const kept = withoutLongText(record)
          push(() => ofLine(ofWorker(requestToLine(kept, level, at), options.worker)))
        }
      }
    })
  )

  static readonly layer: Layer.Layer<RequestLog, never, LogOptions> = Layer.provide(RequestLog.layerNoDeps, [
    LogOutput.layer,
    LogExport.layer
  ])
}

type Level = "info" | "warn"

/** The lowest levels under which a line is written. */
const writes = {
  info: new Set(["trace", "debug", "info"]),
  warn: new Set(["trace", "debug", "info", "warn"])
} as const satisfies Record<Level, ReadonlySet<string>>

/** A stream may have failed after its 200: the code tells. */
const isFault = ({ code, status }: RequestRecord): boolean =>
  status >= 500 || code === "provider_error" || code === "internal_error"

/** RFC 3339 in UTC. A date costs as much as half the line, and many requests share a second. */
const timestamps = (): ((at: number) => string) => {
  let second = Number.NaN
  let prefix = ""
  return (at) => {
    const now = Math.floor(at / 1000)
    if (now !== second) {
      second = now
      prefix = new Date(now * 1000).toISOString().slice(0, -"000Z".length)
    }
    return `${prefix}${String(Math.trunc(at - now * 1000)).padStart(3, "0")}Z`
  }
}

const requestToJson =
  (timestamp: (at: number) => string) =>
  (record: RequestRecord, level: Level, at: number): string =>
    `{"ts":"${timestamp(at)}","level":"${level}","message":"request"${text("request_id", record.requestId)}` +
    `${text("trace_id", record.traceId)}` +
    `${text("method", record.method)}${text("route", record.route)},"status":${record.status}` +
    `${text("code", record.code)}${text("reason", record.reason)}${record.cancelled === true ? ',"cancelled":true' : ""}` +
    `${text("key_id", record.keyId)}${text("user_id", record.userId)}${text("ip", record.ip)}` +
    `${text("model", record.model)}${text("provider", record.provider)}${text("provider_model", record.providerModel)}` +
    `,"stream":${record.stream}${tokens(record.usage)}${text("cost", record.cost)}${text("currency", record.currency)}` +
    `,"duration_ms":${rounded(record.durationMillis)}` +
    `${millis("overhead_ms", record.overheadMillis)}${millis("time_to_first_token_ms", record.firstTokenMillis)}}`

type Format = (record: RequestRecord, level: Level, at: number) => string

/** Where several processes write, with the field that tells which; one that is alone has the very same function back. */
const signed = (write: Format, { format, worker }: LogOptions["Service"]): Format => {
  if (worker === undefined) return write
  return format === "json"
    ? (...record) => `${write(...record).slice(0, -1)},"worker":${worker}}`
    : (...record) => `${write(...record)} worker=${worker}`
}

/** Characters of one value: a model's name is the client's own text. */
const longest = 256

const text = (key: string, value: string | undefined): string =>
  value === undefined ? "" : `,"${key}":${quote(clip(value))}`

const clip = (value: string): string => (value.length <= longest ? value : `${value.slice(0, longest)}…`)

const tokens = (usage: Usage | undefined): string =>
  usage === undefined
    ? ""
    : `,"tokens_prompt":${usage.promptTokens},"tokens_completion":${usage.completionTokens},"tokens_cached":${usage.cachedTokens}`

const millis = (key: string, value: number | undefined): string =>
  value === undefined ? "" : `,"${key}":${rounded(value)}`

/** To a microsecond; what is no number is told as JSON can. */
const rounded = (value: number): number | null => (Number.isFinite(value) ? Math.round(value * 1000) / 1000 : null)

/** A record that waits keeps no more of the client's own text than is told of it. */
const withoutLongText = (record: RequestRecord): RequestRecord => {
  const { model, providerModel } = record
  if (!isLong(model) && !isLong(providerModel)) return record
  return {
    ...record,
    ...(model === undefined ? {} : { model: excerpt(model, longest) }),
    ...(providerModel === undefined ? {} : { providerModel: excerpt(providerModel, longest) })
  }
}

const isLong = (text: string | undefined): boolean => text !== undefined && text.length > longest

/** The same fields as in the JSON. */
const requestToLine = (record: RequestRecord, level: Level, at: number): LogLine => ({
  at,
  level,
  message: "request",
  fields: {
    request_id: record.requestId,
    trace_id: record.traceId,
    span_id: record.spanId,
    method: record.method,
    route: record.route,
    status: record.status,
    code: record.code,
    reason: record.reason,
    cancelled: record.cancelled === true ? true : undefined,
    key_id: record.keyId,
    user_id: record.userId,
    ip: record.ip,
    model: record.model,
    provider: record.provider,
    provider_model: record.providerModel,
    stream: record.stream,
    tokens_prompt: record.usage?.promptTokens,
    tokens_completion: record.usage?.completionTokens,
    tokens_cached: record.usage?.cachedTokens,
    cost: record.cost,
    currency: record.currency,
    duration_ms: rounded(record.durationMillis),
    overhead_ms: record.overheadMillis === undefined ? undefined : rounded(record.overheadMillis),
    time_to_first_token_ms: record.firstTokenMillis === undefined ? undefined : rounded(record.firstTokenMillis)
  }
})

const requestToPretty = (record: RequestRecord, level: Level, at: number): string =>
  toPretty({
    at,
    level,
    message: `${record.method} ${record.route} ${record.status} ${rounded(record.durationMillis)} ms`,
    fields: {
      model: record.model === undefined ? undefined : clip(record.model),
      served_by: record.provider === undefined ? undefined : `${record.provider}/${record.providerModel ?? ""}`,
      stream: record.stream ? true : undefined,
      cancelled: record.cancelled === true ? true : undefined,
      code: record.code,
      reason: record.reason,
      tokens: record.usage === undefined ? undefined : `${record.usage.promptTokens}+${record.usage.completionTokens}`,
      cost: record.cost === undefined ? undefined : `${record.cost} ${record.currency ?? ""}`,
      overhead_ms: record.overheadMillis === undefined ? undefined : rounded(record.overheadMillis),
      first_token_ms: record.firstTokenMillis === undefined ? undefined : rounded(record.firstTokenMillis),
      request_id: record.requestId,
      trace_id: record.traceId
    }
  })
