import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { cpuUsage } from "node:process"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { type Exposition, readExposition, valueOf } from "./exposition.ts"

const usage = { promptTokens: 12, completionTokens: 30, cachedTokens: 4, reasoningTokens: 0 }

describe("Metrics", () => {
  it.effect("counts requests, latency, errors and tokens under the contract's names, labels and types", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      metrics.recordRequest("gigachat", "gigachat/GigaChat-2-Max")
      metrics.recordRequest("gigachat", "gigachat/GigaChat-2-Max")
      metrics.recordRequest("yandexgpt", "yandexgpt/yandexgpt")
      metrics.recordLatency("gigachat", 1500)
      metrics.recordError("gigachat", "provider_error")
      metrics.recordTokens("gigachat", usage)
      metrics.recordOwnCount("gigachat", { ...usage, promptTokens: 10, completionTokens: 33 })
      metrics.recordCost("gigachat", "RUB", 0.25)
      metrics.recordCost("gigachat", "RUB", 0.5)
      const told = readExposition(yield* metrics.render)

      const own = (direction: string) =>
        valueOf(told, "xrouter_tokens_estimated_total", { provider: "gigachat", direction })
      assert.deepStrictEqual(["input", "output"].map(own), [10, 33])
      assert.strictEqual(valueOf(told, "xrouter_cost_total", { provider: "gigachat", currency: "RUB" }), 0.75)
      assert.strictEqual(told.types.get("xrouter_requests_total"), "counter")
      assert.strictEqual(
        valueOf(told, "xrouter_requests_total", { provider: "gigachat", model: "gigachat/GigaChat-2-Max" }),
        2
      )
      assert.strictEqual(
        valueOf(told, "xrouter_requests_total", { provider: "yandexgpt", model: "yandexgpt/yandexgpt" }),
        1
      )
      assert.strictEqual(told.types.get("xrouter_request_duration_seconds"), "histogram")
      assert.strictEqual(valueOf(told, "xrouter_request_duration_seconds_sum", { provider: "gigachat" }), 1.5)
      assert.strictEqual(told.types.get("xrouter_errors_total"), "counter")
      assert.strictEqual(valueOf(told, "xrouter_errors_total", { provider: "gigachat", code: "provider_error" }), 1)
      assert.strictEqual(told.types.get("xrouter_tokens_total"), "counter")
      assert.strictEqual(valueOf(told, "xrouter_tokens_total", { provider: "gigachat", direction: "input" }), 12)
      assert.strictEqual(valueOf(told, "xrouter_tokens_total", { provider: "gigachat", direction: "output" }), 30)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("resolves our own share from a tenth of a millisecond and a model's answer in minutes", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      for (const millis of [0.05, 0.2, 0.7, 40]) metrics.recordOverhead(millis)
      for (const millis of [80, 90_000]) metrics.recordLatency("openai", millis)
      metrics.recordFirstToken("openai", 300)
      const told = readExposition(yield* metrics.render)

      assert.strictEqual(valueOf(told, "xrouter_overhead_seconds_bucket", { le: "0.0001" }), 1)
      assert.strictEqual(valueOf(told, "xrouter_overhead_seconds_bucket", { le: "0.001" }), 3)
      assert.strictEqual(valueOf(told, "xrouter_overhead_seconds_bucket", { le: "+Inf" }), 4)
      assert.strictEqual(valueOf(told, "xrouter_request_duration_seconds_bucket", { provider: "openai", le: "60" }), 1)
      assert.strictEqual(valueOf(told, "xrouter_request_duration_seconds_bucket", { provider: "openai", le: "120" }), 2)
      assert.strictEqual(valueOf(told, "xrouter_time_to_first_token_seconds_count", { provider: "openai" }), 1)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("tells how many requests and streams are open now, and who left", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      metrics.requestStarted(true)
      metrics.requestStarted(false)
      metrics.requestStarted(true)
      metrics.requestEnded(true)
      metrics.recordDisconnect()
      metrics.recordRateLimited("requests_per_minute")
      const told = readExposition(yield* metrics.render)

      assert.strictEqual(told.types.get("xrouter_active_requests"), "gauge")
      assert.strictEqual(valueOf(told, "xrouter_active_requests"), 2)
      assert.strictEqual(valueOf(told, "xrouter_active_streams"), 1)
      assert.strictEqual(valueOf(told, "xrouter_client_disconnects_total"), 1)
      assert.strictEqual(valueOf(told, "xrouter_rate_limited_total", { reason: "requests_per_minute" }), 1)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("tells a degraded component, and its recovery", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      metrics.setDegraded("redis", true)
      assert.strictEqual(valueOf(readExposition(yield* metrics.render), "xrouter_degraded", { component: "redis" }), 1)
      metrics.setDegraded("redis", false)
      assert.strictEqual(valueOf(readExposition(yield* metrics.render), "xrouter_degraded", { component: "redis" }), 0)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("starts what has no label at zero, and tells nothing of providers that served nothing", () =>
    Effect.gen(function* () {
      const told = readExposition(yield* (yield* Metrics).render)
      const [process, ours] = [...told.types.keys()].reduce<[Array<string>, Array<string>]>(
        ([process, ours], name) =>
          name.startsWith("xrouter_process_") ? [[...process, name], ours] : [process, [...ours, name]],
        [[], []]
      )
      assert.deepStrictEqual(ours.toSorted(), [
        "xrouter_active_requests",
        "xrouter_active_streams",
        "xrouter_client_disconnects_total",
        "xrouter_faults_total",
        "xrouter_overhead_seconds",
        "xrouter_usage_pending"
      ])
      assert.isNotEmpty(process)
      for (const [series, value] of told.samples)
        if (!series.startsWith("xrouter_process_")) assert.strictEqual(value, 0)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("tells of the process what is so at the scrape", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const first = readExposition(yield* metrics.render)
      // Not of the clock: on a busy machine the process may have little of that.
      const begun = cpuUsage()
      while (cpuUsage(begun).user < 20_000);
      const second = readExposition(yield* metrics.render)
      const value = (told: Exposition, name: string) => valueOf(told, `xrouter_process_${name}`)
      assert.isAtLeast(value(second, "cpu_seconds_total") - value(first, "cpu_seconds_total"), 0.01)
      const age = Date.now() / 1000 - value(second, "start_time_seconds")
      assert.isTrue(age > 0 && age < 86_400, `${age}`)
      assert.isAbove(value(second, "resident_memory_bytes"), value(second, "heap_bytes"))
      assert.isAbove(value(second, "heap_bytes"), 1_000_000)
      for (const name of ["event_loop_lag_p99_seconds", "event_loop_lag_max_seconds", "open_sockets"]) {
        assert.isAtLeast(value(second, name), 0)
      }
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("keeps a sum a number whatever duration, use or cost it is told", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      for (const millis of [Number.NaN, Number.POSITIVE_INFINITY, -5, 250]) metrics.recordLatency("openai", millis)
      for (const tokens of [Number.NaN, Number.POSITIVE_INFINITY, -5, 250]) {
        metrics.recordTokens("openai", { ...usage, promptTokens: tokens })
        metrics.recordCost("openai", "RUB", tokens)
      }
      const told = readExposition(yield* metrics.render)
      assert.strictEqual(valueOf(told, "xrouter_tokens_total", { provider: "openai", direction: "input" }), 250)
      assert.strictEqual(valueOf(told, "xrouter_cost_total", { provider: "openai", currency: "RUB" }), 250)
      assert.strictEqual(valueOf(told, "xrouter_request_duration_seconds_sum", { provider: "openai" }), 0.25)
      assert.strictEqual(valueOf(told, "xrouter_request_duration_seconds_count", { provider: "openai" }), 2)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("escapes what a label may not hold as it is", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const model = 'a"b\\c\nd'
      metrics.recordRequest("openai", model)
      const told = readExposition(yield* metrics.render)
      assert.strictEqual(valueOf(told, "xrouter_requests_total", { provider: "openai", model }), 1)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("does not share its counters with another gateway of the process", () =>
    Effect.gen(function* () {
      const record = Effect.gen(function* () {
        const metrics = yield* Metrics
        metrics.recordRequest("openai", "openai/a")
        return readExposition(yield* metrics.render)
      })
      const first = yield* record.pipe(Effect.provide(Metrics.layer))
      const second = yield* record.pipe(Effect.provide(Metrics.layer))
      for (const told of [first, second]) {
        assert.strictEqual(valueOf(told, "xrouter_requests_total", { provider: "openai", model: "openai/a" }), 1)
      }
    })
  )

  it.effect("shows what other parts of the gateway measure with Effect's own metrics", () =>
    Effect.gen(function* () {
      yield* Metric.update(Metric.counter("xrouter_test_total", { description: "Of this test" }), 3)
      const told = readExposition(yield* (yield* Metrics).render)
      assert.strictEqual(valueOf(told, "xrouter_test_total"), 3)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("grows by label values, not by requests", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const record = () => {
        metrics.recordRequest("openai", "other")
        metrics.recordLatency("openai", 10)
        metrics.recordTokens("openai", usage)
      }
      record()
      const before = readExposition(yield* metrics.render).samples.size
      for (let i = 0; i < 1000; i++) record()
      assert.strictEqual(readExposition(yield* metrics.render).samples.size, before)
    }).pipe(Effect.provide(Metrics.layer))
  )
})
