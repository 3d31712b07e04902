import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Random, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ValidationError } from "../../src/domain/Errors.ts"
import { Catalog } from "../../src/router/Catalog.ts"
import {
  type Answer,
  alias,
  finished,
  layerRouting,
  listed,
  says,
  scripted,
  started,
  stop,
  tells,
  text
} from "../support/ScriptedProvider.ts"
import { asStreamAndWhole, failure, limited, open, plan, quiet, restOf, smart } from "./asking.ts"

describe("a plan", () => {
  const unable = new ValidationError({ reason: "unsupported_parameter", message: "No tools", param: "tools" })

  it.effect("is made without sending anything", () => {
    const a = scripted("a")
    return Effect.gen(function* () {
      const { first } = yield* plan("smart")
      assert.deepStrictEqual([first.provider.name, first.model], ["a", "m"])
      assert.deepStrictEqual([a.prepared.length, a.sent.length], [1, 0])
      assert.deepInclude(a.prepared[0], { requestId: "req_1", model: "m" })
    }).pipe(Effect.provide(smart([a])))
  })

  it.effect("begins with the first candidate that can carry the request", () => {
    const [a, b, c] = [scripted("a", { refusal: unable }), scripted("b"), scripted("c")]
    return Effect.gen(function* () {
      const { first, open } = yield* plan("smart")
      assert.strictEqual(first.provider.name, "b")
      const reply = yield* open
      assert.strictEqual(reply.candidate.provider.name, "b")
      // It was never called, so it is no attempt.
      assert.deepStrictEqual(reply.attempts, [])
      assert.deepStrictEqual([a.sent.length, b.prepared.length, b.sent.length, c.prepared.length], [0, 1, 1, 0])
    }).pipe(Effect.scoped, Effect.provide(smart([a, b, c])))
  })

  it.effect("fails with the first candidate's refusal where none can", () => {
    const other = new ValidationError({ reason: "unsupported_parameter", message: "No images", param: "messages" })
    const providers = [scripted("a", { refusal: unable }), scripted("b", { refusal: other })]
    return Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(plan("smart")), unable)
      assert.deepStrictEqual(
        providers.map(({ sent }) => sent.length),
        [0, 0]
      )
    }).pipe(Effect.provide(smart(providers)))
  })

  it.effect("fails where an alias has no candidate", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(plan("smart"))
      assert.deepInclude(error, { _tag: "ProviderError", reason: "provider_unavailable" })
    }).pipe(Effect.provide(smart([])))
  )

  it.effect("draws its first candidate by weight", () =>
    Effect.gen(function* () {
      const firsts = yield* Effect.replicateEffect(plan("smart"), 400)
      const share = firsts.filter(({ first }) => first.provider.name === "a").length / 400
      assert.isTrue(share > 0.65 && share < 0.85, `${share}`)
    }).pipe(
      Effect.provide(
        layerRouting([scripted("a"), scripted("b")], {
          models: new Map([
            [
              "smart",
              alias([], {
                strategy: "weighted",
                candidates: [
                  { model: "a/m", weight: 3 },
                  { model: "b/m", weight: 1 }
                ]
              })
            ]
          ])
        })
      ),
      Random.withSeed("weights")
    )
  )

  it.effect("takes the faster one first, once both were measured", () => {
    const takes = (name: string, millis: number) =>
      scripted(name, {
        models: Effect.succeed(listed("m")),
        answer: Stream.fromEffect(Effect.delay(Effect.succeed(started), millis)).pipe(Stream.concat(says("Hello")))
      })
    return Effect.gen(function* () {
      yield* (yield* Catalog).list
      const firsts: Array<string> = []
      for (let round = 0; round < 4; round++) {
        const { first, open } = yield* plan("smart")
        firsts.push(first.provider.name)
        const asked = yield* Effect.forkChild(Effect.scoped(open), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.isDefined(asked.pollUnsafe())
      }
      assert.deepStrictEqual(firsts, ["slow", "fast", "fast", "fast"])
    }).pipe(
      Effect.provide(
        layerRouting([takes("slow", 500), takes("fast", 100)], {
          models: new Map([["smart", alias(["slow/m", "fast/m"], { strategy: "fastest" })]])
        })
      ),
      Random.withSeed("no probe")
    )
  })
})

describe("an answer", () => {
  for (const isStream of asStreamAndWhole) {
    it.effect(`is told whole and in order, ${isStream ? "streamed" : "not streamed"}`, () =>
      Effect.gen(function* () {
        const reply = yield* open("smart", isStream)
        assert.isTrue(reply.first.some(({ _tag }) => _tag === "TextDelta"))
        assert.deepStrictEqual(
          [...reply.first, ...(yield* restOf(reply))],
          [started, text("One "), text("two"), stop, finished]
        )
        assert.deepStrictEqual(reply.dropped, ["seed"])
        assert.deepStrictEqual(reply.attempts, [])
      }).pipe(
        Effect.scoped,
        Effect.provide(
          smart([
            scripted("a", { answer: tells(started, text("One "), text("two"), stop, finished), dropped: ["seed"] })
          ])
        )
      )
    )
  }

  it.effect("of a provider that lists no models makes its model one of the catalogue", () =>
    Effect.gen(function* () {
      const { label } = yield* Catalog
      assert.strictEqual(label("a", "m"), "other")
      yield* open("smart")
      assert.strictEqual(label("a", "m"), "a/m")
    }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { models: Effect.fail(limited) })])), quiet)
  )
})

describe("the upstream's connection", () => {
  /** An answer that tells whether it is open. */
  const watched = (answer: Answer) => {
    const state = { isOpen: false, wasOpened: false }
    const opened = Effect.acquireRelease(
      Effect.sync(() => void (state.isOpen = state.wasOpened = true)),
      () => Effect.sync(() => void (state.isOpen = false))
    )
    return { state, answer: Stream.unwrap(Effect.as(opened, answer)) }
  }

  it.effect("lasts as long as the scope, and not a moment longer", () => {
    const { answer, state } = watched(tells(started, text("Hello")).pipe(Stream.concat(Stream.never)))
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.provide(open("smart"), scope)
      assert.isTrue(state.isOpen)
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(state.isOpen)
    }).pipe(Effect.provide(smart([scripted("a", { answer })])))
  })

  for (const isStream of asStreamAndWhole) {
    it.effect(`is closed when the call is interrupted before its content (${isStream ? "stream" : "whole"})`, () => {
      const { answer, state } = watched(tells(started).pipe(Stream.concat(Stream.never)))
      return Effect.gen(function* () {
        const asked = yield* Effect.forkChild(Effect.scoped(open("smart", isStream)), { startImmediately: true })
        assert.isTrue(state.isOpen)
        asked.interruptUnsafe()
        yield* Fiber.await(asked)
        assert.isFalse(state.isOpen)
      }).pipe(Effect.provide(smart([scripted("a", { answer })])))
    })
  }

  it.effect("is closed before the next candidate is called", () => {
    const { answer, state } = watched(tells(started).pipe(Stream.concat(Stream.fail(failure("provider_failed")))))
    let wasOpenThen: boolean | undefined
    const next = Stream.suspend(() => {
      wasOpenThen = state.isOpen
      return says("Hello")
    })
    return Effect.gen(function* () {
      yield* open("smart")
      assert.isTrue(state.wasOpened)
      assert.isFalse(wasOpenThen)
    }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { answer }), scripted("b", { answer: next })])), quiet)
  })
})
