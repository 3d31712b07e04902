import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Scope } from "effect"
import * as HttpClient from "effect/http/HttpClient"
import { layerJson, layerProtobuf, type OtlpSerialization } from "effect/observability/OtlpSerialization"
import { TestClock } from "effect/testing"
import type { MetricsExporting } from "../../src/telemetry/Collecting.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { exporting } from "../../src/telemetry/MetricsExport.ts"
import { toldBy } from "../support/OtlpMetrics.ts"
import { readMessage } from "../support/Protobuf.ts"
import { readExposition } from "./exposition.ts"
import { type Answer, collecting, goesOn, scriptedCollector } from "./scriptedCollector.ts"

const options: MetricsExporting = {
  ...collecting("metrics"),
  interval: Duration.seconds(60)
}

const subject = Effect.fnUntraced(function* (
  answers: Array<Answer>,
  serialization: Layer.Layer<OtlpSerialization> = layerJson
) {
  const { client, log, logged, sent } = scriptedCollector(answers)
  const scope = yield* Scope.make()
  const services = yield* Layer.build(Layer.mergeAll(Metrics.layer, serialization, log)).pipe(Scope.provide(scope))
  yield* exporting(options).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provideContext(services),
    Scope.provide(scope)
  )
  return { logged, metrics: Context.get(services, Metrics), sent, stop: Scope.close(scope, Exit.void) }
})

/** What the process says of itself is another thing at each look. */
const ofUs = (samples: ReadonlyMap<string, number>) =>
  Object.fromEntries([...samples].filter(([name]) => !name.startsWith("xrouter_process_")).sort())

describe("the export of metrics", () => {
  it.effect("tells each interval what /metrics shows", () =>
    Effect.gen(function* () {
      const { metrics, sent, stop } = yield* subject([200])
      metrics.recordRequest("gigachat", "gigachat/GigaChat-2")
      metrics.recordRequest("gigachat", "other")
      metrics.recordTokens("gigachat", { promptTokens: 3, completionTokens: 5, cachedTokens: 0, reasoningTokens: 0 })
      for (const millis of [1, 30, 400, 1_000_000]) metrics.recordLatency("gigachat", millis)
      metrics.recordOverhead(0.2)
      metrics.setDegraded("redis", true)
      yield* TestClock.adjust("59999 millis")
      assert.lengthOf(sent, 0)
      yield* TestClock.adjust("1 millis")
      assert.lengthOf(sent, 1)
      const shown = readExposition(yield* metrics.render)
      const told = toldBy(sent[0]?.text ?? "")
      assert.deepStrictEqual(ofUs(told.samples), ofUs(shown.samples))
      assert.isAbove(Object.keys(ofUs(told.samples)).length, 40)
      assert.deepStrictEqual(Object.fromEntries(told.types), Object.fromEntries(shown.types))
      assert.deepInclude(told.resource, { "service.name": "ai" })
      assert.strictEqual(told.units.get("xrouter_request_duration_seconds"), "s")
      assert.strictEqual(told.units.get("xrouter_process_heap_bytes"), "By")
      // Prometheus would call it a ratio.
      assert.isUndefined(told.units.get("xrouter_active_requests"))

      metrics.recordRequest("gigachat", "other")
      yield* goesOn("60 seconds", () => sent.length === 2)
      const later = toldBy(sent[1]?.text ?? "")
      const other = `xrouter_requests_total[["model","other"],["provider","gigachat"]]`
      assert.deepStrictEqual([told.samples.get(other), later.samples.get(other)], [1, 2])
      // Totals, and since when.
      assert.deepStrictEqual(told.temporalities, new Set([2]))
      assert.strictEqual(later.startedAt, told.startedAt)
      assert.strictEqual(BigInt(later.at) - BigInt(told.at), 60_000_000_000n)
      yield* stop
    })
  )

  it.effect("is in protobuf where that is asked for", () =>
    Effect.gen(function* () {
      const { metrics, sent, stop } = yield* subject([200], layerProtobuf)
      metrics.recordDisconnect()
      metrics.recordOverhead(0.2)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(sent[0]?.headers["type"], "application/x-protobuf")
      assert.strictEqual(sent[0]?.headers["authorization"], "Bearer secret-of-the-collector")
      // By the numbers of opentelemetry/proto/metrics/v1/metrics.proto.
      const message = readMessage(sent[0]?.bytes ?? new Uint8Array())
      const found = message.messages(1, 2, 2)
      const named = (name: string) => found.find((metric) => metric.texts(1)[0] === name)
      const left = named("xrouter_client_disconnects_total")?.messages(7)[0]
      assert.strictEqual(left?.messages(1)[0]?.double(4), 1)
      assert.deepStrictEqual([left?.integer(2), left?.integer(3)], [2n, 1n])
      assert.strictEqual(named("xrouter_active_requests")?.messages(5, 1)[0]?.double(4), 0)
      const overhead = named("xrouter_overhead_seconds")
      assert.deepStrictEqual(overhead?.texts(3), ["s"])
      const point = overhead?.messages(9, 1)[0]
      assert.deepStrictEqual([point?.integer(4), point?.double(5)], [1n, 0.0002])
      assert.strictEqual(point?.integer(3), 60_000_000_000n)
      yield* stop
    })
  )

  for (const answer of ["down", "never", 503] as const) {
    it.effect(`to a collector that is ${answer} is one request at a time, and told once`, () =>
      Effect.gen(function* () {
        const { logged, sent, stop } = yield* subject([answer])
        yield* goesOn("5 seconds", () => sent.length >= 9)
        assert.lengthOf(logged, 1)
        assert.match(
          logged[0] ?? "",
          /^Metrics are being lost: the collector at http:\/\/collector (is not reached|does not answer in time|answers 503)$/
        )
        yield* Effect.forkChild(stop)
        yield* TestClock.adjust("3 seconds")
      })
    )
  }

  it.effect("tells when the collector is back, and never the collector's key", () =>
    Effect.gen(function* () {
      const { logged, sent, stop } = yield* subject([401, 200])
      yield* goesOn("60 seconds", () => sent.length === 1 && logged.length === 1)
      yield* goesOn("60 seconds", () => logged.length === 2)
      assert.deepStrictEqual(logged, [
        "Metrics are being lost: the collector at http://collector answers 401",
        "The collector of metrics takes them again"
      ])
      yield* stop
    })
  )

  it.effect("is done once more at the end, for three seconds at most", () =>
    Effect.gen(function* () {
      const taken = yield* subject([200])
      taken.metrics.recordDisconnect()
      yield* taken.stop
      assert.lengthOf(taken.sent, 1)
      assert.strictEqual(toldBy(taken.sent[0]?.text ?? "").samples.get("xrouter_client_disconnects_total[]"), 1)

      const silent = yield* subject(["never"])
      const stopping = yield* Effect.forkChild(silent.stop)
      yield* TestClock.adjust("2999 millis")
      assert.isUndefined(stopping.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.isDefined(stopping.pollUnsafe())
    })
  )
})
