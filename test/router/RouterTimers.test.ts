import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Pull, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Timeouts } from "../../src/config/Settings.ts"
import {
  alias,
  layerRouting,
  type ScriptedProvider,
  scripted,
  started,
  tells,
  text
} from "../support/ScriptedProvider.ts"
import { asStreamAndWhole, open, plan, quiet, textOf } from "./asking.ts"

const smart = (providers: ReadonlyArray<ScriptedProvider>, timeouts: Partial<Timeouts> = {}) =>
  layerRouting(providers, {
    models: new Map([
      [
        "smart",
        alias(
          providers.map(({ name }) => `${name}/m`),
          { timeouts }
        )
      ]
    ])
  })

/** Says that it starts, and nothing more; counts those that were broken off. */
const mute = (name: string) => {
  const state = { closed: 0 }
  const answer = tells(started).pipe(
    Stream.concat(Stream.never),
    Stream.ensuring(Effect.sync(() => void state.closed++))
  )
  return { state, provider: scripted(name, { answer }) }
}

describe("the timer of the first content", () => {
  it.effect("lets a stream begin for 60 s, then closes it and calls the next", () => {
    const { provider, state } = mute("a")
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(open("smart"), { startImmediately: true })
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual([asked.pollUnsafe(), state.closed], [undefined, 0])
      yield* TestClock.adjust("1 second")
      const reply = yield* Fiber.join(asked)
      assert.strictEqual(textOf(reply.first), "I am b")
      assert.strictEqual(state.closed, 1)
      assert.deepStrictEqual(reply.attempts, [
        { provider: "a", model: "m", status: "failed", reason: "provider_timeout", latency_ms: 60_000 }
      ])
    }).pipe(Effect.scoped, Effect.provide(smart([provider, scripted("b")])), quiet)
  })

  it.effect("starts anew with each candidate", () => {
    const [a, b] = [mute("a"), mute("b")]
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(Effect.flip(open("smart")), { startImmediately: true })
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual([asked.pollUnsafe(), a.state.closed, b.state.closed], [undefined, 1, 0])
      yield* TestClock.adjust("60 seconds")
      assert.deepInclude(yield* Fiber.join(asked), { reason: "provider_timeout", timer: "first_token", provider: "b" })
      assert.strictEqual(b.state.closed, 1)
    }).pipe(Effect.scoped, Effect.provide(smart([a.provider, b.provider])), quiet)
  })

  for (const isStream of asStreamAndWhole) {
    it.effect(`is the model's own where it has one (${isStream ? "stream" : "whole"})`, () =>
      Effect.gen(function* () {
        const asked = yield* Effect.forkChild(Effect.flip(open("smart", isStream)), { startImmediately: true })
        yield* TestClock.adjust("2 seconds")
        assert.deepInclude(yield* Fiber.join(asked), { reason: "provider_timeout", timer: "first_token" })
      }).pipe(Effect.scoped, Effect.provide(smart([mute("a").provider], { firstToken: Duration.seconds(2) })), quiet)
    )
  }

  it.effect("does not cut off an answer that comes whole, at its end", () => {
    const answer = Stream.fromEffect(Effect.delay(Effect.succeed(text("At last")), "9 minutes"))
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(open("smart", false), { startImmediately: true })
      yield* TestClock.adjust("9 minutes")
      assert.strictEqual(textOf((yield* Fiber.join(asked)).first), "At last")
    }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { answer })])))
  })

  it.effect("is over with the first content: what comes after may take its time", () => {
    const answer = tells(started, text("First")).pipe(
      Stream.concat(Stream.fromEffect(Effect.delay(Effect.succeed(text("Second")), "5 minutes")))
    )
    return Effect.gen(function* () {
      const { rest = Effect.never } = yield* open("smart")
      const next = yield* Effect.forkChild(rest, { startImmediately: true })
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* Fiber.join(next), [text("Second")])
    }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { answer })])))
  })
})

describe("the timer of the whole answer", () => {
  it.effect("ends an answer that comes whole, where the model has set one", () =>
    Effect.gen(function* () {
      const asked = yield* Effect.forkChild(Effect.flip(open("smart", false)), { startImmediately: true })
      yield* TestClock.adjust("30 seconds")
      assert.deepInclude(yield* Fiber.join(asked), { reason: "provider_timeout", timer: "total" })
    }).pipe(Effect.scoped, Effect.provide(smart([mute("a").provider], { total: Duration.seconds(30) })), quiet)
  )

  it.effect("ends a stream that never ends, after 10 minutes or what the model has set", () =>
    Effect.gen(function* () {
      const endless = scripted("a", { answer: Stream.tick("1 second").pipe(Stream.map(() => text("more "))) })
      for (const [timeouts, seconds] of [
        [{}, 600],
        [{ total: Duration.seconds(20) }, 20]
      ] as const) {
        yield* Effect.gen(function* () {
          const { rest = Effect.never } = yield* open("smart")
          let pieces = 0
          const reading = yield* Effect.forkChild(Effect.flip(Effect.forever(Effect.map(rest, () => void pieces++))), {
            startImmediately: true
          })
          yield* TestClock.adjust(Duration.seconds(seconds - 1))
          assert.isUndefined(reading.pollUnsafe())
          yield* TestClock.adjust("2 seconds")
          assert.deepInclude(yield* Fiber.join(reading), { reason: "provider_timeout", timer: "total" })
          assert.approximately(pieces, seconds, 2)
        }).pipe(Effect.scoped, Effect.provide(smart([endless], timeouts)))
      }
    })
  )

  it.effect("does not run before the call", () =>
    Effect.gen(function* () {
      const { open } = yield* plan("smart")
      yield* TestClock.adjust("1 hour")
      const { rest } = yield* open
      assert.isTrue(Pull.isDoneCause(yield* Effect.flip(Effect.sandbox(Effect.forever(rest)))))
    }).pipe(Effect.scoped, Effect.provide(smart([scripted("a")])))
  )
})
