import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ProviderError } from "../../../src/domain/Errors.ts"
import { emulated } from "../../../src/providers/emulation/Emulated.ts"
import { type Answer, tells } from "../../support/ScriptedProvider.ts"
import { answers, ask, callOf, ended, fake, finished, started, text, textOf, used, usedTwice } from "./scripts.ts"

const away = new ProviderError({ reason: "provider_failed", message: "fake failed", provider: "fake" })

describe("`n` for a provider that gives one choice", () => {
  it.effect("is as many calls, at most four at a time, and one answer of which all usage is summed", () =>
    Effect.gen(function* () {
      const provider = fake((_, index) =>
        Stream.concat(Stream.fromEffectDrain(Effect.sleep(1000)), answers(`I am ${index}`))
      )
      const asking = yield* Effect.forkChild(ask(emulated(provider), { n: 6, temperature: 1 }))
      yield* TestClock.adjust(1000)
      assert.deepStrictEqual([provider.sent.length, provider.open()], [8 - 2, 2])
      yield* TestClock.adjust(1000)
      const told = yield* Fiber.join(asking)
      assert.strictEqual(provider.mostOpen(), 4)
      assert.deepStrictEqual(
        Array.from({ length: 6 }, (_, choice) => textOf(told, choice)),
        ["I am 0", "I am 1", "I am 2", "I am 3", "I am 4", "I am 5"]
      )
      assert.deepStrictEqual(
        told.filter(({ _tag }) => _tag === "Started" || _tag === "Finished"),
        [started, finished({ promptTokens: 60, completionTokens: 30, cachedTokens: 6, reasoningTokens: 12 })]
      )
      assert.deepStrictEqual(
        told.filter(({ _tag }) => _tag === "ChoiceFinished"),
        Array.from({ length: 6 }, (_, choice) => ended("stop", choice))
      )
      assert.deepStrictEqual(
        provider.sent.map(({ request, requestId }) => [requestId, request]),
        ["req_1", "req_1-1", "req_1-2", "req_1-3", "req_1-4", "req_1-5"].map((id) => [
          id,
          callOf({ temperature: 1 }).request
        ])
      )
    })
  )

  for (const stream of [true, false]) {
    it.effect(`is one call after another of a provider whose calls are counted (stream: ${stream})`, () =>
      Effect.gen(function* () {
        let isCounted = true
        const answer = (index: number) =>
          Stream.concat(Stream.fromEffectDrain(Effect.yieldNow), answers(`I am ${index}`))
        const provider = { ...fake((_, index) => answer(index)), isCounted: () => isCounted }
        const told = yield* ask(emulated(provider), { n: 3, stream })
        assert.deepStrictEqual([provider.sent.length, provider.mostOpen(), provider.open()], [3, 1, 0])
        assert.deepStrictEqual(
          [0, 1, 2].map((choice) => textOf(told, choice)),
          ["I am 0", "I am 1", "I am 2"]
        )
        assert.deepStrictEqual(
          told.at(-1),
          finished({ promptTokens: 30, completionTokens: 15, cachedTokens: 3, reasoningTokens: 6 })
        )
        isCounted = false
        yield* ask(emulated(provider), { n: 3, stream })
        assert.isAbove(provider.mostOpen(), 1)
      })
    )
  }

  const paced = (...pieces: ReadonlyArray<readonly [after: number, text: string]>): Answer =>
    Stream.concat(
      tells(started),
      Stream.concat(
        Stream.fromIterable(pieces).pipe(
          Stream.mapEffect(([after, piece]) => Effect.delay(Effect.succeed(text(piece)), after))
        ),
        tells(ended(), finished(used(10, 5)))
      )
    )

  it.effect("streams the choices side by side, as they come, once each has begun", () =>
    Effect.gen(function* () {
      const provider = fake((_, index) =>
        index === 0 ? paced([100, "a"], [100, "b"], [300, "c"]) : paced([150, "x"], [200, "y"])
      )
      const asking = yield* Effect.forkChild(ask(emulated(provider), { n: 2, stream: true }))
      yield* TestClock.adjust(1000)
      const told = yield* Fiber.join(asking)
      assert.deepStrictEqual(
        told.map((event) => (event._tag === "TextDelta" ? `${event.choice}${event.text}` : event._tag)),
        ["Started", "0a", "1x", "0b", "1y", "ChoiceFinished", "0c", "ChoiceFinished", "Finished"]
      )
      assert.deepStrictEqual(told.at(-1), finished(usedTwice))
      assert.strictEqual(provider.open(), 0)
    })
  )

  it.effect.each([true, false])(
    "fails before any content where one of the calls does, and ends the others (stream: %s)",
    (stream) =>
      Effect.gen(function* () {
        const provider = fake((_, index) =>
          index === 1
            ? Stream.fromEffect(Effect.delay(Effect.fail(away), 50))
            : Stream.concat(tells(started, text("a")), Stream.never)
        )
        const { events, whole } = yield* emulated(provider).prepare(callOf({ n: 3, stream }))
        let heard = 0
        const drained = Stream.runDrain(Stream.tap(events, () => Effect.sync(() => heard++)))
        const asking = yield* Effect.forkChild(Effect.flip(whole === undefined ? drained : Effect.asVoid(whole)))
        yield* TestClock.adjust(50)
        assert.strictEqual(yield* Fiber.join(asking), away)
        assert.deepStrictEqual([heard, provider.sent.length, provider.open()], [0, 3, 0])
      })
  )

  it.effect("passes a later failure on, and a reader's leaving closes all", () =>
    Effect.gen(function* () {
      const failing = fake((_, index) =>
        index === 0 ? answers("a") : Stream.concat(tells(started, text("b")), Stream.fail(away))
      )
      assert.strictEqual(yield* Effect.flip(ask(emulated(failing), { n: 2, stream: true })), away)
      assert.strictEqual(failing.open(), 0)

      const endless = fake(() => Stream.concat(tells(started, text("a")), Stream.never))
      const { events } = yield* emulated(endless).prepare(callOf({ n: 5, stream: true }))
      yield* Stream.runDrain(Stream.take(events, 3))
      assert.deepStrictEqual([endless.sent.length, endless.open()], [4, 0])
    })
  )

  it.effect("leaves the usage open where one call told none", () =>
    Effect.gen(function* () {
      const provider = fake((_, index) => (index === 0 ? answers("a") : tells(started, text("b"), ended(), finished())))
      assert.deepStrictEqual((yield* ask(emulated(provider), { n: 2 })).at(-1), finished())
    })
  )

  it.effect("ends every choice at its own stop", () =>
    Effect.gen(function* () {
      const provider = fake((_, index) => answers(`I am ${index}. And`))
      const told = yield* ask(emulated(provider), { n: 2, stop: ".", stream: true })
      assert.deepStrictEqual([textOf(told, 0), textOf(told, 1)], ["I am 0", "I am 1"])
      assert.strictEqual(told.filter(({ _tag }) => _tag === "Finished").length, 1)
    })
  )

  it.effect("is refused above 8, before anything is prepared", () =>
    Effect.gen(function* () {
      const provider = fake(() => answers("a"))
      const error = yield* Effect.flip(ask(emulated(provider), { n: 9 }))
      assert.deepInclude(error, {
        _tag: "ValidationError",
        reason: "unsupported_parameter",
        param: "n",
        provider: "fake"
      })
      assert.strictEqual(provider.prepared.length, 0)
    })
  )
})
