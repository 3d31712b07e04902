import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import type { HttpBody } from "effect/http/HttpBody"
import { make as makeResource } from "effect/observability/OtlpResource"
import { layerProtobuf, OtlpSerialization } from "effect/observability/OtlpSerialization"
import { spanKinds, toOtlp } from "../../src/telemetry/FinishedSpan.ts"
import { ofLine } from "../../src/telemetry/LogRecord.ts"
import { layer } from "../../src/telemetry/OtlpProtobuf.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"
const resource = makeResource({ attributes: { "service.name": "ai" } })
const scope = { name: "xrouter" }

const bytesOf = (body: HttpBody) => {
  if (body._tag !== "Uint8Array") throw new Error(`a body that is ${body._tag}`)
  assert.strictEqual(body.contentType, "application/x-protobuf")
  return Buffer.from(body.body).toString("hex")
}

const Scalar = Schema.Union([Schema.String, Schema.Finite, Schema.Int, Schema.Boolean])
/** Attributes of all kinds; some more than fit into the memory that is taken at first. */
const Fields = Schema.Record(Schema.String, Scalar)
const Lines = Schema.Array(Schema.Struct({ message: Schema.String, fields: Fields, isTraced: Schema.Boolean }))

const written = Effect.fnUntraced(function* (lines: typeof Lines.Type) {
  const { logs, traces } = yield* OtlpSerialization
  const records = lines.map(({ fields, isTraced, message }) =>
    ofLine({
      at: 1_700_000_000_123,
      level: "warn",
      message,
      fields: { ...fields, ...(isTraced ? { trace_id: traceId, span_id: spanId } : {}) },
      cause: isTraced ? undefined : "Error: no"
    })
  )
  const spans = lines.map(({ fields, isTraced, message }) =>
    toOtlp(
      {
        traceId,
        spanId,
        parentSpanId: isTraced ? spanId : undefined,
        name: message,
        kind: spanKinds.client,
        startedAt: 1000.001,
        endedAt: 2000.5,
        outcome: isTraced ? { _tag: "Failed", reason: "provider_failed" } : { _tag: "Unset" },
        attributes: Object.entries(fields)
      },
      1_700_000_000_000
    )
  )
  return [
    bytesOf(logs({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: records }] }] })),
    bytesOf(traces({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] }))
  ]
})

const compared = Effect.fnUntraced(function* (lines: typeof Lines.Type) {
  const own = yield* written(lines).pipe(Effect.provide(layer))
  assert.deepStrictEqual(own, yield* written(lines).pipe(Effect.provide(layerProtobuf)))
})

describe("OTLP in protobuf", () => {
  it.effect.prop("is what Effect writes, byte for byte", { lines: Arbitrary.schema(Lines) }, ({ lines }) =>
    compared(lines)
  )

  it.effect("is so at every length that takes another byte, and beyond the memory that is taken at first", () =>
    Effect.forEach([0, 1, 127, 128, 129, 16_383, 16_384, 40_000, 2_100_000], (length) =>
      compared([
        { message: "я".repeat(length), fields: { long: "x".repeat(length) }, isTraced: true },
        { message: "after it", fields: { whole: -1, part: 0.5, large: 2 ** 53, no: false }, isTraced: false }
      ])
    )
  )
})
