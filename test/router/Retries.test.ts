import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ModelAlias } from "../../src/config/Settings.ts"
import type { ProviderFailure } from "../../src/domain/Errors.ts"
import { isWorthAsking } from "../../src/router/Retries.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { alias, layerRouting, type ScriptedProvider, says, scripted, tells, text } from "../support/ScriptedProvider.ts"
import { asStreamAndWhole, failure, limited, open, quiet, refused, restOf, textOf } from "./asking.ts"

/** Fails in this order, then answers. */
const failing = (name: string, ...failures: ReadonlyArray<ProviderFailure>) => {
  let calls = 0
  const answer = Stream.suspend(() => {
    const failure = failures[calls++]
    return failure === undefined ? says(`I am ${name}`) : Stream.fail(failure)
  })
  return scripted(name, { answer })
}

const routing = (providers: ReadonlyArray<ScriptedProvider>, more: Partial<ModelAlias> = {}) =>
  layerRouting(providers, {
    models: new Map([
      [
        "smart",
        alias(
          providers.map(({ name }) => `${name}/m`),
          more
        )
      ]
    ])
  })

const after = (millis: number) => Effect.andThen(TestClock.adjust(millis), Effect.yieldNow)

describe("a lone candidate that fails", () => {
  for (const isStream of asStreamAndWhole) {
    it.effect(`is asked once more after a pause (${isStream ? "stream" : "whole"})`, () => {
      const a = failing("a", failure("provider_unavailable"))
      return Effect.gen(function* () {
        const { render } = yield* Metrics
        const asked = yield* Effect.forkChild(open("smart", isStream), { startImmediately: true })
        yield* after(199)
        assert.deepStrictEqual([asked.pollUnsafe(), a.sent.length], [undefined, 1])
        yield* after(101)
        const reply = yield* Fiber.join(asked)
        assert.strictEqual(textOf(reply.first), "I am a")
        assert.deepStrictEqual(reply.attempts, [
          { provider: "a", model: "m", status: "failed", reason: "provider_unavailable", latency_ms: 0 }
        ])
        assert.deepStrictEqual(
          a.sent.map(({ requestId }) => requestId),
          ["req_1", "req_1"]
        )
        assert.include(yield* render, 'xrouter_retries_total{provider="a"} 1')
      }).pipe(Effect.scoped, Effect.provide(routing([a])), quiet)
    })
  }

  it.effect("is asked no more often than that, and its last failure is told with every try", () => {
    const broken = failure("provider_failed", { upstreamStatus: 500 })
    const a = failing("a", broken, broken, broken)
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(Effect.flip(open("smart")), { startImmediately: true })
      yield* after(10_000)
      const error = yield* Fiber.join(asked)
      assert.strictEqual(a.sent.length, 2)
      assert.strictEqual(error._tag === "ProviderError" ? error.attempts?.length : undefined, 2)
    }).pipe(Effect.scoped, Effect.provide(routing([a])), quiet)
  })

  it.effect("is asked as often as its model says, each time after about twice the pause", () => {
    const a = failing("a", ...Array.from({ length: 9 }, () => failure("provider_unavailable")))
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(Effect.flip(open("smart")), { startImmediately: true })
      const calls: Array<number> = []
      for (let i = 0; i < 40; i++) {
        yield* after(100)
        if (a.sent.length > calls.length + 1) calls.push((i + 1) * 100)
      }
      yield* Fiber.join(asked)
      assert.strictEqual(a.sent.length, 4)
      const [first = 0, second = 0, third = 0] = calls
      assert.isTrue(first >= 200 && first <= 400, `${calls}`)
      assert.isTrue(second - first >= 300 && second - first <= 700, `${calls}`)
      assert.isTrue(third - second >= 700 && third - second <= 1300, `${calls}`)
    }).pipe(Effect.scoped, Effect.provide(routing([a], { attempts: 4 })), quiet)
  })

  it.effect("is asked not before it has asked for", () => {
    const a = failing("a", failure("provider_unavailable", { retryAfterMillis: 3000 }))
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(open("smart"), { startImmediately: true })
      yield* after(3000)
      assert.strictEqual(a.sent.length, 1)
      yield* after(400)
      assert.strictEqual(textOf((yield* Fiber.join(asked)).first), "I am a")
    }).pipe(Effect.scoped, Effect.provide(routing([a])), quiet)
  })

  it.effect("is asked again past its own limit", () => {
    const a = failing("a", limited)
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(open("smart"), { startImmediately: true })
      yield* after(1999)
      assert.strictEqual(a.sent.length, 1)
      yield* after(500)
      assert.strictEqual(textOf((yield* Fiber.join(asked)).first), "I am a")
    }).pipe(Effect.scoped, Effect.provide(routing([a])), quiet)
  })

  it.effect("is not waited for longer than ten seconds: the client is told how long instead", () => {
    const a = failing("a", failure("provider_unavailable", { retryAfterMillis: 11_000 }))
    return Effect.gen(function* () {
      assert.deepInclude(yield* Effect.flip(open("smart")), { retryAfterMillis: 11_000 })
      assert.strictEqual(a.sent.length, 1)
    }).pipe(Effect.scoped, Effect.provide(routing([a])), quiet)
  })

  it.effect("is not waited for past the deadline of the whole request", () => {
    const a = failing("a", failure("provider_unavailable", { retryAfterMillis: 3000 }))
    return Effect.gen(function* () {
      assert.deepInclude(yield* Effect.flip(open("smart")), { retryAfterMillis: 3000 })
      assert.strictEqual(a.sent.length, 1)
    }).pipe(Effect.scoped, Effect.provide(routing([a], { timeouts: { total: Duration.seconds(3) } })), quiet)
  })

  it.effect("has for its second try what is left of the time for all", () => {
    let calls = 0
    const a = scripted("a", {
      answer: Stream.suspend(() => (calls++ === 0 ? Stream.fail(failure("provider_unavailable")) : Stream.never))
    })
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(Effect.flip(open("smart", false)), { startImmediately: true })
      yield* after(9999)
      assert.deepStrictEqual([asked.pollUnsafe(), calls], [undefined, 2])
      yield* after(1)
      assert.deepInclude(yield* Fiber.join(asked), { reason: "provider_timeout", timer: "total" })
    }).pipe(Effect.scoped, Effect.provide(routing([a], { timeouts: { total: Duration.seconds(10) } })), quiet)
  })

  it.effect("is not asked again once its first content was there", () => {
    const answer = tells(text("Half")).pipe(Stream.concat(Stream.fail(failure("provider_unavailable"))))
    const a = scripted("a", { answer })
    return Effect.gen(function* () {
      const reply = yield* open("smart")
      assert.deepInclude(yield* Effect.flip(restOf(reply)), { reason: "provider_unavailable" })
      yield* after(10_000)
      assert.strictEqual(a.sent.length, 1)
    }).pipe(Effect.scoped, Effect.provide(routing([a])), quiet)
  })

  it.effect("is not asked again for a client that has left", () => {
    const a = failing("a", failure("provider_unavailable"))
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(open("smart"), { startImmediately: true })
      yield* after(100)
      yield* Fiber.interrupt(asked)
      yield* after(10_000)
      assert.strictEqual(a.sent.length, 1)
    }).pipe(Effect.scoped, Effect.provide(routing([a])), quiet)
  })
})

describe("of several candidates", () => {
  it.effect("each is called once before any is asked again, and none where the model allows no more calls", () => {
    const [a, b] = [failing("a", failure("provider_unavailable")), failing("b", failure("provider_unavailable"))]
    return Effect.gen(function* () {
      const { render } = yield* Metrics
      assert.deepInclude(yield* Effect.flip(open("smart")), { reason: "provider_unavailable" })
      assert.deepStrictEqual([a.sent.length, b.sent.length], [1, 1])
      assert.include(yield* render, 'xrouter_fallbacks_total{from="a",to="b"} 1')
    }).pipe(Effect.scoped, Effect.provide(routing([a, b])), quiet)
  })

  it.effect("the first whose failure may pass is asked again, where the model allows more calls", () => {
    const [a, b] = [failing("a", failure("provider_rejected_credentials")), failing("b", limited)]
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(open("smart"), { startImmediately: true })
      yield* after(5000)
      const reply = yield* Fiber.join(asked)
      assert.strictEqual(textOf(reply.first), "I am b")
      assert.deepStrictEqual([a.sent.length, b.sent.length], [1, 2])
      assert.deepStrictEqual(
        reply.attempts.map(({ provider, reason }) => [provider, reason]),
        [
          ["a", "provider_rejected_credentials"],
          ["b", "provider_rate_limit"]
        ]
      )
    }).pipe(Effect.scoped, Effect.provide(routing([a, b], { attempts: 3 })), quiet)
  })

  it.effect("one that has asked us not to come is called last until then", () => {
    const [a, b] = [failing("a", limited), failing("b")]
    return Effect.gen(function* () {
      const firstOf = Effect.map(open("smart"), ({ candidate, attempts }) => [candidate.provider.name, attempts.length])
      assert.deepStrictEqual(yield* firstOf, ["b", 1])
      assert.deepStrictEqual(yield* firstOf, ["b", 0])
      yield* after(2000)
      assert.deepStrictEqual(yield* firstOf, ["a", 0])
    }).pipe(Effect.scoped, Effect.provide(routing([a, b])), quiet)
  })
})

describe("what is worth another try", () => {
  const worth = [
    failure("provider_unavailable"),
    failure("provider_failed"),
    ...[408, 500, 502, 529].map((upstreamStatus) => failure("provider_failed", { upstreamStatus })),
    failure("provider_timeout", { timer: "connect" }),
    failure("provider_timeout", { upstreamStatus: 504 }),
    limited
  ]
  const lost = [
    failure("provider_rejected_credentials"),
    failure("provider_tls"),
    failure("provider_invalid_answer"),
    failure("circuit_open"),
    ...[402, 404].map((upstreamStatus) => failure("provider_failed", { upstreamStatus })),
    ...(["first_token", "idle", "total"] as const).map((timer) => failure("provider_timeout", { timer }))
  ]

  it("is what may pass, was not paid for, and has not let the caller wait already", () => {
    for (const error of worth) assert.isTrue(isWorthAsking(error), JSON.stringify(error))
    for (const error of lost) assert.isFalse(isWorthAsking(error), JSON.stringify(error))
  })

  for (const error of [refused, ...lost]) {
    it.effect(
      `is not: ${error.reason} ${"timer" in error ? error.timer : ""}${"upstreamStatus" in error ? error.upstreamStatus : ""}`,
      () => {
        const a = failing("a", error)
        return Effect.gen(function* () {
          assert.deepInclude(yield* Effect.flip(open("smart")), { reason: error.reason })
          assert.strictEqual(a.sent.length, 1)
        }).pipe(Effect.scoped, Effect.provide(routing([a])), quiet)
      }
    )
  }
})
