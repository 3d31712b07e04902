import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Duration, Effect, Exit, Layer, Redacted, Scope } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import { layerJson, type OtlpSerialization } from "effect/observability/OtlpSerialization"
import { TestClock } from "effect/testing"
import type { LogExporting } from "../../src/telemetry/Collecting.ts"
import { LogExport } from "../../src/telemetry/LogExport.ts"
import * as Logging from "../../src/telemetry/Logging.ts"
import { LogOptions } from "../../src/telemetry/LogOptions.ts"
import { LogOutput } from "../../src/telemetry/LogOutput.ts"
import * as OtlpProtobuf from "../../src/telemetry/OtlpProtobuf.ts"
import { RequestLog, type RequestRecord } from "../../src/telemetry/RequestLog.ts"
import { heapUsed } from "../support/Heap.ts"
import { recordsIn } from "../support/OtlpLogs.ts"
import { readMessage } from "../support/Protobuf.ts"
import { type Answer, collecting, goesOn, scriptedCollector } from "./scriptedCollector.ts"

const options: LogExporting = {
  ...collecting("logs"),
  queueSize: 6,
  batchSize: 3,
  interval: Duration.seconds(1)
}

const traceId = "0af7651916cd43dd8448eb211c80319c"
const spanId = "b7ad6b7169203331"

/** Has every field that there is. */
const served: Required<RequestRecord> = {
  requestId: "req_1",
  traceId,
  spanId,
  method: "POST",
  route: "/v1/chat/completions",
  status: 200,
  stream: true,
  durationMillis: 12,
  ip: "10.0.0.7",
  keyId: "key_1",
  userId: "user_1",
  model: "smart",
  provider: "gigachat",
  providerModel: "GigaChat-2-Max",
  code: "validation_error",
  reason: "invalid_body",
  cancelled: true,
  usage: { promptTokens: 12, completionTokens: 30, cachedTokens: 4, reasoningTokens: 0 },
  cost: "0.0002",
  currency: "RUB",
  overheadMillis: 0.31234,
  firstTokenMillis: 480
}

/** The log as the gateway has it, whose collector answers as told: what was sent there, and what stands on the output. */
const subject = Effect.fnUntraced(function* (
  answers: Array<Answer>,
  serialization: Layer.Layer<OtlpSerialization> = layerJson
) {
  const { client, sent } = scriptedCollector(answers)
  const written: Array<string> = []
  const scope = yield* Scope.make()
  const log = Layer.merge(Logging.layerNoDeps, RequestLog.layerNoDeps).pipe(
    Layer.provide(LogExport.layerNoDeps(options)),
    Layer.provide([
      Layer.succeed(HttpClient.HttpClient, client),
      Layer.succeed(LogOutput, { write: (line: string) => void written.push(line) }),
      Layer.succeed(LogOptions, { format: "json", level: "info" }),
      serialization
    ])
  )
  const services = yield* Scope.provide(Layer.build(log), scope)
  return {
    sent,
    written: () => written.map((line) => JSON.parse(line)),
    records: () => sent.flatMap(({ text }) => recordsIn(text)),
    request: Context.get(services, RequestLog).write,
    log: Effect.provideContext(services),
    stop: Scope.close(scope, Exit.void)
  }
})

const messages = (lines: ReadonlyArray<{ readonly message: string }>) => lines.map(({ message }) => message)

describe("the export of the log", () => {
  it.effect("has a request's line with its fields, and the ids of its span beside them", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_700_000_000_123)
      const { records, request, sent, stop, written } = yield* subject([200])
      request(served)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sent[0]?.headers["authorization"], "Bearer secret-of-the-collector")
      const [record] = records()
      assert.deepInclude(record, {
        timeUnixNano: "1700000000123000000",
        severityNumber: 9,
        severityText: "info",
        body: "request",
        traceId,
        spanId,
        flags: 1
      })
      const [{ ts: _at, level: _level, message: _message, trace_id: _trace, ...fields }] = written()
      assert.deepStrictEqual(record?.attributes, fields)
      // Whole or not, a duration is one kind of number.
      assert.deepStrictEqual(record?.kinds["duration_ms"], "doubleValue")
      assert.deepStrictEqual(record?.kinds["status"], "intValue")
      yield* stop
    })
  )

  it.effect("has the other lines too, from the level of the log on, secrets redacted", () =>
    Effect.gen(function* () {
      const { log, records, stop, written } = yield* subject([200])
      const secret = Redacted.make("s3cr3t-value")
      yield* Effect.logDebug("not told").pipe(log)
      yield* Effect.logInfo("ready", secret).pipe(Effect.annotateLogs({ provider: { key: secret }, none: null }), log)
      yield* Effect.logError("A request failed", Cause.fail(new Error("no", { cause: { secret } }))).pipe(
        Effect.annotateLogs({ request_id: "req_1", trace_id: traceId, span_id: spanId }),
        log
      )
      yield* TestClock.adjust("1 second")
      const [ready, failed, ...more] = records()
      assert.lengthOf(more, 0)
      assert.deepInclude(ready, { severityNumber: 9, body: written()[0].message })
      assert.include(ready?.attributes["provider"], "<redacted>")
      assert.notProperty(ready, "traceId")
      assert.notProperty(ready?.attributes, "none")
      assert.deepInclude(failed, {
        severityNumber: 17,
        severityText: "error",
        body: "A request failed",
        traceId,
        spanId
      })
      assert.deepStrictEqual(failed?.attributes, {
        request_id: "req_1",
        "exception.stacktrace": written()[1].cause
      })
      assert.notInclude(JSON.stringify(records()), "s3cr3t")
      yield* stop
    })
  )

  it.effect("is in protobuf where that is asked for", () =>
    Effect.gen(function* () {
      const { request, sent, stop } = yield* subject([200], OtlpProtobuf.layer)
      yield* TestClock.adjust("1 millis")
      request(served)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sent[0]?.headers["type"], "application/x-protobuf")
      // By the numbers of opentelemetry/proto/logs/v1/logs.proto.
      const message = readMessage(sent[0]?.bytes ?? new Uint8Array())
      assert.include(
        message.messages(1, 1, 1).flatMap((attribute) => attribute.texts(1)),
        "service.name"
      )
      const [record, ...more] = message.messages(1, 2, 2)
      assert.lengthOf(more, 0)
      assert.strictEqual(record?.integer(1), 1_000_000n)
      assert.strictEqual(record?.integer(2), 9n)
      assert.deepStrictEqual(record?.texts(3), ["info"])
      assert.deepStrictEqual(record?.messages(5)[0]?.texts(1), ["request"])
      assert.strictEqual(record?.hex(9), traceId)
      assert.strictEqual(record?.hex(10), spanId)
      const attributes = record?.messages(6) ?? []
      const valueOf = (name: string) => attributes.find((attribute) => attribute.texts(1)[0] === name)?.messages(2)[0]
      assert.deepStrictEqual(valueOf("request_id")?.texts(1), ["req_1"])
      assert.strictEqual(valueOf("status")?.integer(3), 200n)
      assert.strictEqual(valueOf("duration_ms")?.double(4), 12)
      yield* stop
    })
  )

  for (const answer of ["down", "never", 503] as const) {
    it.effect(`to a collector that is ${answer} holds one request and its queue, and makes no lines for itself`, () =>
      Effect.gen(function* () {
        const { records, request, sent, stop, written } = yield* subject([answer])
        for (let i = 0; i < 1_000; i++) request({ ...served, requestId: String(i) })
        yield* TestClock.adjust(0)
        assert.lengthOf(sent, 1)
        yield* goesOn("1 second", () => sent.length === 6)
        yield* goesOn("1 second", () => written().length > 1_000)
        yield* TestClock.adjust("1 hour")
        assert.lengthOf(sent, 6)
        // The output has all of them, and one word on the loss, which was never meant for the collector.
        const told = written()
        assert.lengthOf(told, 1_001)
        assert.match(
          messages(told).find((message) => message !== "request") ?? "",
          /^Log records are being lost: the collector at http:\/\/collector (is not reached|does not answer in time|answers 503)$/
        )
        assert.deepStrictEqual(
          records().map(({ attributes }) => Number(attributes["request_id"])),
          [0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5, 3, 4, 5]
        )
        yield* stop
      })
    )
  }

  it.effect("tells on the output alone that the collector is back, and never its key", () =>
    Effect.gen(function* () {
      const { records, request, sent, stop, written } = yield* subject([401, 200])
      for (let i = 0; i < 3; i++) request(served)
      yield* goesOn(0, () => written().length === 4)
      for (let i = 0; i < 3; i++) request(served)
      yield* goesOn(0, () => written().length === 8)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        messages(written()).filter((message) => message !== "request"),
        [
          "Log records are being lost: the collector at http://collector answers 401",
          "The collector of log records takes them again; lost meanwhile: 3 lines"
        ]
      )
      assert.lengthOf(sent, 2)
      assert.isTrue(records().every(({ body }) => body === "request"))
      assert.notInclude(JSON.stringify(written()), "secret-of-the-collector")
      yield* stop
    })
  )

  it.effect("keeps of a text that was not written for a log its beginning alone", () =>
    Effect.gen(function* () {
      const { log, records, request, stop } = yield* subject([200])
      request({ ...served, model: "m".repeat(1_000_000) })
      yield* Effect.logInfo("x".repeat(1_000_000)).pipe(Effect.annotateLogs("field", "y".repeat(1_000_000)), log)
      yield* TestClock.adjust("1 second")
      const [first, second] = records()
      assert.strictEqual(first?.attributes["model"], `${"m".repeat(256)}…`)
      assert.match(second?.body ?? "", /^x{8192}… \(\d+ more characters\)$/)
      assert.match(String(second?.attributes["field"]), /^y{8192}… \(\d+ more characters\)$/)
      yield* stop
    })
  )

  it.effect("keeps no more in memory of a model's name that a client made up, while the record waits", () =>
    Effect.gen(function* () {
      const { request, stop } = yield* subject([200])
      const before = heapUsed()
      for (let index = 0; index < 6; index += 1) {
        const model = JSON.parse(`"${"a".repeat(8_000_000)}"`)
        request({ ...served, model: `openai/${model}`, providerModel: model })
      }
      assert.isBelow(heapUsed() - before, 16_000_000)
      yield* stop
    })
  )

  it.effect("leaves out what is no number, which would cost the whole batch", () =>
    Effect.gen(function* () {
      const { log, records, stop } = yield* subject([200])
      yield* Effect.logInfo("odd").pipe(Effect.annotateLogs({ share: Number.NaN, most: Infinity, kept: 1.5 }), log)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(records()[0]?.attributes, { kept: 1.5 })
      yield* stop
    })
  )

  it.effect("sends what is left at the end, for three seconds at most", () =>
    Effect.gen(function* () {
      const taken = yield* subject([200])
      taken.request(served)
      yield* taken.stop
      assert.lengthOf(taken.records(), 1)

      const silent = yield* subject(["never"])
      silent.request(served)
      const stopping = yield* Effect.forkChild(silent.stop)
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(stopping.pollUnsafe())
    })
  )
})
