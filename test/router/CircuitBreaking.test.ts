import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Redacted, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { OpenAiSettings, SettingsValue } from "../../src/config/Settings.ts"
import { type ProviderFailure, ValidationError } from "../../src/domain/Errors.ts"
import { unfitAnswer } from "../../src/providers/UnfitAnswer.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { type Answer, alias, layerRouting, says, scripted, tells, text } from "../support/ScriptedProvider.ts"
import { asStreamAndWhole, failure, limited, open, plan, quiet, refused, restOf, textOf } from "./asking.ts"

const settings: OpenAiSettings = {
  kind: "openai",
  baseUrl: "http://127.0.0.1:1",
  apiKey: Redacted.make("key"),
  caBundleFile: undefined,
  concurrency: undefined,
  circuit: { failures: 3, cooldown: Duration.seconds(10) }
}

/** A provider whose answer may be changed, and a router over it and others that asks nobody twice. */
const subject = (answer: Answer, others: ReadonlyArray<ReturnType<typeof scripted>> = []) => {
  const state = { answer }
  const provider = scripted("a", { answer: Stream.suspend(() => state.answer) })
  const all = [provider, ...others]
  const value: Partial<SettingsValue> = {
    providers: new Map(all.map(({ name }) => [name, settings])),
    models: new Map([
      [
        "smart",
        alias(
          all.map(({ name }) => `${name}/m`),
          { attempts: 1 }
        )
      ]
    ])
  }
  return { state, provider, layer: layerRouting(all, value) }
}

const broken = Stream.fail(failure("provider_unavailable"))
const reasonOf = (isStream = true) =>
  Effect.scoped(
    Effect.match(open("smart", isStream), {
      onFailure: ({ reason }) => reason,
      onSuccess: ({ first }) => textOf(first)
    })
  )

describe("the circuit of a lone provider", () => {
  it.effect("is open as long as it says, also where the time of day is set back meanwhile", () => {
    const { layer, state } = subject(broken)
    return Effect.gen(function* () {
      yield* TestClock.adjust("1 day")
      for (let i = 0; i < 3; i++) assert.strictEqual(yield* reasonOf(), "provider_unavailable")
      yield* TestClock.setTime(0)
      assert.deepInclude(yield* Effect.flip(plan("smart")), { reason: "circuit_open", retryAfterMillis: 10_000 })
      yield* TestClock.adjust("10 seconds")
      state.answer = says("Well again")
      assert.strictEqual(yield* reasonOf(), "Well again")
    }).pipe(Effect.provide(layer), quiet)
  })

  for (const isStream of asStreamAndWhole) {
    it.effect(`opens after the configured failures, half-opens, closes (${isStream ? "stream" : "whole"})`, () => {
      const { layer, provider, state } = subject(broken)
      return Effect.gen(function* () {
        const { render } = yield* Metrics
        const gauge = Effect.map(render, (text) => /xrouter_circuit_open\{provider="a"\} (\d)/.exec(text)?.[1])
        assert.strictEqual(yield* gauge, "0")
        for (let i = 0; i < 3; i++) assert.strictEqual(yield* reasonOf(isStream), "provider_unavailable")
        assert.strictEqual(yield* gauge, "1")
        yield* TestClock.adjust("4 seconds")
        // Refused before anything is planned, so that it costs the caller nothing.
        const error = yield* Effect.flip(plan("smart", isStream))
        assert.deepInclude(error, {
          _tag: "ProviderError",
          reason: "circuit_open",
          provider: "a",
          retryAfterMillis: 6000
        })
        assert.include(error.message, "provider_unavailable")
        assert.strictEqual(provider.sent.length, 3)
        yield* TestClock.adjust("6 seconds")
        state.answer = says("Well again")
        assert.strictEqual(yield* reasonOf(isStream), "Well again")
        assert.strictEqual(yield* gauge, "0")
        assert.strictEqual(yield* reasonOf(isStream), "Well again")
        assert.strictEqual(provider.sent.length, 5)
      }).pipe(Effect.provide(layer), quiet)
    })

    it.effect(`lets one call try, and opens again for twice as long (${isStream ? "stream" : "whole"})`, () => {
      const { layer, provider, state } = subject(broken)
      return Effect.gen(function* () {
        for (let i = 0; i < 3; i++) yield* reasonOf(isStream)
        yield* TestClock.adjust("10 seconds")
        state.answer = Stream.fromEffect(Effect.never)
        const probe = yield* Effect.forkChild(reasonOf(isStream), { startImmediately: true })
        assert.deepStrictEqual(yield* Effect.replicateEffect(reasonOf(isStream), 3), Array(3).fill("circuit_open"))
        assert.strictEqual(provider.sent.length, 4)
        // It left, and told nothing: the next one may try.
        yield* Fiber.interrupt(probe)
        state.answer = Stream.die(new Error("A defect of ours"))
        yield* Effect.exit(Effect.scoped(open("smart", isStream)))
        state.answer = broken
        assert.strictEqual(yield* reasonOf(isStream), "provider_unavailable")
        yield* TestClock.adjust("19 seconds")
        assert.strictEqual(yield* reasonOf(isStream), "circuit_open")
        yield* TestClock.adjust("1 second")
        state.answer = says("Well again")
        assert.strictEqual(yield* reasonOf(isStream), "Well again")
      }).pipe(Effect.provide(layer), quiet)
    })
  }

  it.effect("neither opens nor closes by what the gateway refuses without having asked", () => {
    const ours = Stream.fail(new ValidationError({ reason: "invalid_body", message: "No image there", provider: "a" }))
    const { layer, provider, state } = subject(broken)
    return Effect.gen(function* () {
      for (const answer of [broken, broken, ours, broken]) {
        state.answer = answer
        yield* reasonOf()
      }
      assert.strictEqual(yield* reasonOf(), "circuit_open")
      yield* TestClock.adjust("10 seconds")
      state.answer = ours
      assert.strictEqual(yield* reasonOf(), "invalid_body")
      state.answer = broken
      assert.strictEqual(yield* reasonOf(), "provider_unavailable")
      assert.strictEqual(yield* reasonOf(), "circuit_open")
      assert.strictEqual(provider.sent.length, 6)
    }).pipe(Effect.provide(layer), quiet)
  })

  it.effect("opens by streams that break after their first content, though each has begun", () => {
    const { layer, provider } = subject(
      tells(text("Half")).pipe(Stream.concat(Stream.fail(failure("provider_failed"))))
    )
    return Effect.gen(function* () {
      for (let i = 0; i < 3; i++) {
        yield* Effect.scoped(Effect.flatMap(open("smart"), (reply) => Effect.flip(restOf(reply))))
      }
      assert.strictEqual(yield* reasonOf(), "circuit_open")
      assert.strictEqual(provider.sent.length, 3)
    }).pipe(Effect.provide(layer), quiet)
  })

  it.effect("is not opened by streams whose clients leave", () => {
    const { layer, provider } = subject(tells(text("Half")).pipe(Stream.concat(Stream.never)))
    return Effect.gen(function* () {
      for (let i = 0; i < 9; i++) {
        const scope = yield* Scope.make()
        yield* Scope.provide(open("smart"), scope)
        yield* Scope.close(scope, Exit.void)
      }
      assert.strictEqual(provider.sent.length, 9)
    }).pipe(Effect.provide(layer), quiet)
  })

  const harmless: ReadonlyArray<ProviderFailure> = [
    refused,
    limited,
    failure("provider_rejected_credentials", { upstreamStatus: 401 }),
    failure("provider_failed", { upstreamStatus: 402 }),
    unfitAnswer("p", "did not give the JSON that was asked for")
  ]
  for (const error of harmless) {
    it.effect(`is not opened by a provider that works and would not: ${error.reason}`, () => {
      const { layer, provider } = subject(Stream.fail(error))
      return Effect.gen(function* () {
        for (let i = 0; i < 9; i++) assert.strictEqual(yield* reasonOf(), error.reason)
        assert.strictEqual(provider.sent.length, 9)
      }).pipe(Effect.provide(layer), quiet)
    })
  }

  it.effect("is one for each model", () => {
    const { layer, state } = subject(broken)
    return Effect.gen(function* () {
      for (let i = 0; i < 3; i++) yield* reasonOf()
      state.answer = says("I am another model")
      const reply = yield* open("a/another")
      assert.strictEqual(textOf(reply.first), "I am another model")
      assert.strictEqual(yield* reasonOf(), "circuit_open")
    }).pipe(Effect.scoped, Effect.provide(layer), quiet)
  })
})

describe("a circuit that opens by the request's own failure", () => {
  it.effect("ends it there, and does not keep it waiting for a try that will not be", () => {
    const provider = scripted("a", { answer: broken })
    return Effect.gen(function* () {
      const first = yield* Effect.forkChild(Effect.flip(open("smart")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(first)
      // The third failure opens it: this one's second try is not made, and not waited for.
      const error = yield* Effect.flip(open("smart"))
      assert.deepInclude(error, { reason: "provider_unavailable" })
      assert.strictEqual(provider.sent.length, 3)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        layerRouting([provider], {
          providers: new Map([["a", settings]]),
          models: new Map([["smart", alias(["a/m"], { attempts: 2 })]])
        })
      ),
      quiet
    )
  })
})

describe("an open circuit among several candidates", () => {
  it.effect("is passed over, and is no attempt", () => {
    const { layer, provider } = subject(broken, [scripted("b")])
    return Effect.gen(function* () {
      for (let i = 0; i < 3; i++) yield* open("smart")
      const { first, open: opening } = yield* plan("smart")
      assert.strictEqual(first.provider.name, "b")
      const reply = yield* opening
      assert.deepStrictEqual([textOf(reply.first), reply.attempts, provider.sent.length], ["I am b", [], 3])
    }).pipe(Effect.scoped, Effect.provide(layer), quiet)
  })

  it.effect("is told where all are open, with the shortest wait", () => {
    const { layer } = subject(broken, [scripted("b", { answer: broken })])
    return Effect.gen(function* () {
      for (let i = 0; i < 3; i++) yield* reasonOf()
      yield* TestClock.adjust("4 seconds")
      assert.deepInclude(yield* Effect.flip(plan("smart")), { reason: "circuit_open", retryAfterMillis: 6000 })
    }).pipe(Effect.provide(layer), quiet)
  })

  it.effect("is noticed by a request that was planned before it opened", () => {
    const { layer, provider } = subject(broken, [scripted("b")])
    return Effect.gen(function* () {
      const early = yield* plan("smart")
      assert.strictEqual(early.first.provider.name, "a")
      for (let i = 0; i < 3; i++) yield* open("smart")
      const reply = yield* early.open
      assert.deepStrictEqual([textOf(reply.first), reply.attempts, provider.sent.length], ["I am b", [], 3])
    }).pipe(Effect.scoped, Effect.provide(layer), quiet)
  })
})
