import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, type Layer, Scope } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import { layerJson, type OtlpSerialization } from "effect/observability/OtlpSerialization"
import { TestClock } from "effect/testing"
import { spanKinds, toOtlp } from "../../src/telemetry/FinishedSpan.ts"
import * as OtlpProtobuf from "../../src/telemetry/OtlpProtobuf.ts"
import { makeSpanExporter } from "../../src/telemetry/SpanExporter.ts"
import type { Exporting } from "../../src/telemetry/TraceOptions.ts"
import { type Answer, collecting, goesOn, scriptedCollector } from "./scriptedCollector.ts"

const options: Exporting = {
  ...collecting("traces"),
  sampler: { name: "always_on", share: 1 },
  queueSize: 6,
  batchSize: 3,
  interval: Duration.seconds(5)
}

const span = (name: string) =>
  toOtlp(
    {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      parentSpanId: undefined,
      name,
      kind: spanKinds.server,
      startedAt: 1000.001,
      endedAt: 1000.5,
      outcome: { _tag: "Failed", reason: "provider_failed" },
      attributes: [["gen_ai.usage.input_tokens", 3]]
    },
    0
  )

/** An exporter whose collector answers as told (the last answer again and again), and what was sent and logged. */
const subject = Effect.fnUntraced(function* (
  answers: Array<Answer>,
  serialization: Layer.Layer<OtlpSerialization> = layerJson
) {
  const { client, log, logged, sent } = scriptedCollector(answers)
  const scope = yield* Scope.make()
  const { push } = yield* makeSpanExporter(options).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide([serialization, log]),
    Scope.provide(scope)
  )
  return {
    logged,
    sent,
    /** Names of the spans of each request. */
    batches: () => sent.map(({ text }) => Array.from(text.matchAll(/"name":"(\d+)"/g), ([, name]) => Number(name))),
    push: (...names: ReadonlyArray<number>) => {
      for (const name of names) push(span(String(name)))
    },
    stop: Scope.close(scope, Exit.void)
  }
})

const times = (count: number) => Array.from({ length: count }, (_, index) => index)

describe("the export of spans", () => {
  it.effect("waits for company, no longer than its interval, and goes at once when a batch is full", () =>
    Effect.gen(function* () {
      const { batches, push, sent, stop } = yield* subject([200])
      push(1)
      yield* TestClock.adjust("4999 millis")
      assert.deepStrictEqual(batches(), [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(batches(), [[1]])
      push(2, 3, 4, 5)
      yield* goesOn(0, () => sent.length === 3)
      assert.deepStrictEqual(batches(), [[1], [2, 3, 4], [5]])
      assert.strictEqual(sent[0]?.headers["authorization"], "Bearer secret-of-the-collector")
      const [first] = JSON.parse(sent[0]?.text ?? "{}").resourceSpans
      assert.deepInclude(first.scopeSpans[0].spans[0], {
        startTimeUnixNano: "1000001000",
        endTimeUnixNano: "1000500000",
        status: { code: 2, message: "provider_failed" },
        attributes: [{ key: "gen_ai.usage.input_tokens", value: { intValue: 3 } }]
      })
      yield* stop
    })
  )

  it.effect("is in protobuf where that is asked for", () =>
    Effect.gen(function* () {
      const { push, sent, stop } = yield* subject([200], OtlpProtobuf.layer)
      push(1, 2, 3)
      yield* TestClock.adjust(0)
      assert.strictEqual(sent[0]?.headers["type"], "application/x-protobuf")
      assert.include(sent[0]?.text, "gen_ai.usage.input_tokens")
      yield* stop
    })
  )

  for (const answer of ["down", "never", 503] as const) {
    it.effect(`to a collector that is ${answer} holds one request and its queue, and loses the rest`, () =>
      Effect.gen(function* () {
        const { batches, logged, push, sent, stop } = yield* subject([answer])
        push(...times(10_000))
        yield* TestClock.adjust(0)
        assert.lengthOf(sent, 1)
        yield* goesOn("1 second", () => sent.length === 6)
        yield* goesOn("1 second", () => logged.length > 0)
        yield* TestClock.adjust("1 hour")
        // What found room was tried three times; nothing of the rest was kept.
        assert.deepStrictEqual(batches(), [...times(3).map(() => [0, 1, 2]), ...times(3).map(() => [3, 4, 5])])
        assert.lengthOf(logged, 1)
        assert.match(
          logged[0] ?? "",
          /^Traces are being lost: the collector at http:\/\/collector (is not reached|does not answer in time|answers 503)$/
        )
        yield* stop
      })
    )
  }

  it.effect("tells when a collector is back, and how much it has not got", () =>
    Effect.gen(function* () {
      const { batches, logged, push, stop } = yield* subject([401, 200])
      push(1, 2, 3)
      yield* goesOn(0, () => logged.length === 1)
      // It would be refused again.
      assert.deepStrictEqual(batches(), [[1, 2, 3]])
      push(4, 5, 6)
      yield* goesOn(0, () => logged.length === 2)
      assert.deepStrictEqual(logged, [
        "Traces are being lost: the collector at http://collector answers 401",
        "The collector of traces takes them again; lost meanwhile: 3 spans"
      ])
      assert.notInclude(logged.join(), "secret-of-the-collector")
      yield* stop
    })
  )

  it.effect("tries a batch again that the collector might take", () =>
    Effect.gen(function* () {
      const { batches, logged, push, stop } = yield* subject([429, 200])
      push(1, 2, 3)
      yield* goesOn("1 second", () => batches().length === 2)
      assert.deepStrictEqual(batches(), [
        [1, 2, 3],
        [1, 2, 3]
      ])
      assert.deepStrictEqual(logged, [])
      yield* stop
    })
  )

  it.effect("sends what is left at the end", () =>
    Effect.gen(function* () {
      const { batches, push, stop } = yield* subject([200])
      push(1, 2)
      yield* stop
      assert.deepStrictEqual(batches(), [[1, 2]])
    })
  )

  it.effect("is waited for at the end for three seconds, not more", () =>
    Effect.gen(function* () {
      const { push, stop } = yield* subject(["never"])
      push(1, 2)
      const stopping = yield* Effect.forkChild(stop)
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(stopping.pollUnsafe())
    })
  )

  it.effect("is hardly waited for at the end where the collector has not answered before", () =>
    Effect.gen(function* () {
      const { logged, push, sent, stop } = yield* subject(["never"])
      push(1, 2, 3)
      yield* goesOn("1 second", () => logged.length > 0)
      push(4, 5)
      const before = sent.length
      const stopping = yield* Effect.forkChild(stop)
      yield* TestClock.adjust("300 millis")
      assert.isDefined(stopping.pollUnsafe())
      // It may have come back.
      assert.strictEqual(sent.length, before + 1)
    })
  )
})
