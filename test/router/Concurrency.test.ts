import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Redacted, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { OpenAiSettings, Timeouts } from "../../src/config/Settings.ts"
import { type Answer, alias, layerRouting, scripted, tells, text } from "../support/ScriptedProvider.ts"
import { asStreamAndWhole, failure, open, quiet, textOf } from "./asking.ts"

const settings: OpenAiSettings = {
  kind: "openai",
  baseUrl: "http://127.0.0.1:1",
  apiKey: Redacted.make("key"),
  caBundleFile: undefined,
  concurrency: 1
}

const subject = (
  answer: Answer,
  others: ReadonlyArray<ReturnType<typeof scripted>> = [],
  timeouts: Partial<Timeouts> = {}
) => {
  const provider = scripted("a", { answer })
  const all = [provider, ...others]
  return {
    provider,
    layer: layerRouting(all, {
      providers: new Map([["a", settings]]),
      models: new Map([
        [
          "smart",
          alias(
            all.map(({ name }) => `${name}/m`),
            { timeouts }
          )
        ]
      ])
    })
  }
}

const endless = tells(text("Hello")).pipe(Stream.concat(Stream.never))
const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("a provider that takes one call at a time", () => {
  it.effect("is called for the next as soon as the one before has ended", () => {
    const { layer, provider } = subject(endless)
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.provide(open("smart"), scope)
      const next = yield* fork(Effect.scoped(open("smart")))
      const last = yield* fork(Effect.scoped(open("smart")))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(provider.sent.length, 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(textOf((yield* Fiber.join(next)).first), "Hello")
      assert.strictEqual(textOf((yield* Fiber.join(last)).first), "Hello")
    }).pipe(Effect.provide(layer))
  })

  for (const isStream of asStreamAndWhole) {
    it.effect(`gives its place back when the call fails or is broken off (${isStream ? "stream" : "whole"})`, () => {
      let calls = 0
      const { layer, provider } = subject(
        Stream.suspend(() => (calls++ === 0 ? Stream.fail(failure("provider_tls")) : Stream.never))
      )
      return Effect.gen(function* () {
        yield* Effect.flip(open("smart", isStream))
        for (let i = 0; i < 5; i++) {
          const asked = yield* fork(Effect.scoped(open("smart", isStream)))
          assert.strictEqual(provider.sent.length, i + 2)
          yield* Fiber.interrupt(asked)
        }
      }).pipe(Effect.scoped, Effect.provide(layer), quiet)
    })

    it.effect(`refuses after a short wait, without being called (${isStream ? "stream" : "whole"})`, () => {
      const { layer, provider } = subject(Stream.never)
      return Effect.gen(function* () {
        yield* fork(open("smart", isStream))
        const asked = yield* fork(Effect.flip(open("smart", isStream)))
        yield* TestClock.adjust("4999 millis")
        assert.isUndefined(asked.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        const error = yield* Fiber.join(asked)
        assert.deepInclude(error, { reason: "provider_rate_limit", provider: "a", limit: 1 })
        assert.strictEqual(provider.sent.length, 1)
      }).pipe(Effect.scoped, Effect.provide(layer), quiet)
    })
  }

  it.effect("gives way to the next candidate after the wait, and that is no attempt", () => {
    const { layer } = subject(endless, [scripted("b")])
    return Effect.gen(function* () {
      yield* open("smart")
      const asked = yield* fork(open("smart"))
      yield* TestClock.adjust("5 seconds")
      const reply = yield* Fiber.join(asked)
      assert.deepStrictEqual([textOf(reply.first), reply.attempts], ["I am b", []])
    }).pipe(Effect.scoped, Effect.provide(layer), quiet)
  })

  it.effect("leaves the next candidate what is left of the time for all", () => {
    const { layer } = subject(endless, [scripted("b", { answer: Stream.never })], { total: Duration.seconds(8) })
    return Effect.gen(function* () {
      yield* open("smart")
      const asked = yield* fork(Effect.flip(open("smart", false)))
      yield* TestClock.adjust("7999 millis")
      assert.isUndefined(asked.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepInclude(yield* Fiber.join(asked), {
        reason: "provider_timeout",
        timer: "total",
        attempts: [{ provider: "b", model: "m", status: "failed", reason: "provider_timeout", latency_ms: 3000 }]
      })
    }).pipe(Effect.scoped, Effect.provide(layer), quiet)
  })

  it.effect("does not count the wait as its own slowness", () => {
    const { layer } = subject(
      Stream.fromEffect(Effect.delay(Effect.succeed(text("Hello")), "2 seconds")).pipe(
        Stream.concat(Stream.fail(failure("provider_failed")))
      )
    )
    return Effect.gen(function* () {
      const first = yield* fork(Effect.scoped(open("smart")))
      const second = yield* fork(Effect.scoped(open("smart")))
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(first.pollUnsafe())
      assert.isUndefined(second.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      assert.isDefined(second.pollUnsafe())
    }).pipe(Effect.provide(layer), quiet)
  })
})
