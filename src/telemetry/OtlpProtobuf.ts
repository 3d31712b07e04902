import { Effect, Layer } from "effect"
import * as HttpBody from "effect/http/HttpBody"
import type { LogsData } from "effect/observability/OtlpLogger"
import type { AnyValue, KeyValue, Resource } from "effect/observability/OtlpResource"
import { layerProtobuf, OtlpSerialization } from "effect/observability/OtlpSerialization"
import type { TraceData } from "effect/observability/OtlpTracer"
import type { OtlpSpan } from "./FinishedSpan.ts"
import type { LogRecord } from "./LogRecord.ts"
import { ProtobufWriter } from "./ProtobufWriter.ts"

/**
 * OTLP in protobuf. Effect's own, in which each field is a piece of memory, takes ten times as long for what each request makes, and holds up
 * the others meanwhile; metrics are told seldom, and are written by it. What is written is the same, byte for byte. Fields by the numbers of opentelemetry-proto 1.x.
 */
export const layer: Layer.Layer<OtlpSerialization> = Layer.effect(
  OtlpSerialization,
  Effect.map(OtlpSerialization, ({ metrics }) => ({ logs, metrics, traces }))
).pipe(Layer.provide(layerProtobuf))

const bodyOf = (write: (to: ProtobufWriter) => void): HttpBody.HttpBody => {
  const writer = new ProtobufWriter()
  write(writer)
  return HttpBody.uint8Array(writer.finish(), "application/x-protobuf")
}

const traces = ({ resourceSpans }: TraceData) =>
  bodyOf((to) => {
    for (const { resource, scopeSpans } of resourceSpans) {
      to.message(1, () => {
        to.message(1, () => writeResource(to, resource))
        for (const { scope, spans } of scopeSpans) {
          to.message(2, () => {
            to.message(1, () => to.string(1, scope.name))
            for (const span of spans) to.message(2, () => writeSpan(to, span))
          })
        }
      })
    }
  })

const logs = ({ resourceLogs }: LogsData) =>
  bodyOf((to) => {
    for (const { resource, scopeLogs } of resourceLogs) {
      to.message(1, () => {
        if (resource !== undefined) to.message(1, () => writeResource(to, resource))
        for (const { logRecords = [], scope } of scopeLogs) {
          to.message(2, () => {
            if (scope !== undefined) to.message(1, () => to.string(1, scope.name))
            for (const record of logRecords) to.message(2, () => writeRecord(to, record))
          })
        }
      })
    }
  })

const writeResource = (to: ProtobufWriter, { attributes }: Resource): void => writeAttributes(to, 1, attributes)

/** Of the fields that our spans have. */
const writeSpan = (to: ProtobufWriter, span: OtlpSpan): void => {
  to.hex(1, span.traceId)
  to.hex(2, span.spanId)
  if (span.parentSpanId !== undefined) to.hex(4, span.parentSpanId)
  to.string(5, span.name)
  to.integer(6, span.kind)
  to.fixed64(7, BigInt(span.startTimeUnixNano))
  to.fixed64(8, BigInt(span.endTimeUnixNano))
  writeAttributes(to, 9, span.attributes)
  to.message(15, () => {
    if ("message" in span.status && span.status.message !== undefined) to.string(2, span.status.message)
    to.integer(3, span.status.code)
  })
}

/** Of the fields that our records have. */
const writeRecord = (to: ProtobufWriter, record: LogRecord): void => {
  const { attributes, body, flags, observedTimeUnixNano, severityNumber, severityText, spanId, timeUnixNano, traceId } =
    record
  to.fixed64(1, BigInt(String(timeUnixNano)))
  if (severityNumber !== undefined) to.integer(2, severityNumber)
  if (severityText !== undefined) to.string(3, severityText)
  if (body !== undefined) to.message(5, () => writeValue(to, body))
  writeAttributes(to, 6, attributes)
  if (flags !== undefined) to.fixed32(8, flags)
  if (typeof traceId === "string") to.hex(9, traceId)
  if (typeof spanId === "string") to.hex(10, spanId)
  to.fixed64(11, BigInt(String(observedTimeUnixNano)))
}

const writeAttributes = (to: ProtobufWriter, field: number, attributes: ReadonlyArray<KeyValue>): void => {
  for (const { key, value } of attributes) {
    to.message(field, () => {
      to.string(1, key)
      to.message(2, () => writeValue(to, value))
    })
  }
}

/** Of the kinds that our attributes have: no lists. */
const writeValue = (to: ProtobufWriter, { boolValue, doubleValue, intValue, stringValue }: AnyValue): void => {
  if (typeof stringValue === "string") to.string(1, stringValue)
  else if (typeof boolValue === "boolean") to.integer(2, boolValue ? 1 : 0)
  else if (typeof intValue === "number") to.integer(3, intValue)
  else if (typeof intValue === "string") to.integer(3, Number(intValue))
  else if (typeof doubleValue === "number") to.double(4, doubleValue)
}
