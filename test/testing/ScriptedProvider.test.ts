import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { ChatRequest } from "../../src/domain/ChatRequest.ts"
import type { ChatCall, Provider } from "../../src/providers/Provider.ts"
import { Answers, ScriptedProvider } from "../../src/testing/index.ts"

const { breaksOff, calls, fails, failure, hangs, limited, refused, says, speaks } = Answers

const callOf = (model = "m", more: Partial<ChatRequest> = {}): ChatCall => ({
  requestId: "req_1",
  model,
  request: { model, messages: [{ role: "user", content: "Hello" }], stream: true, ...more }
})

const events = (provider: Provider, call = callOf()) =>
  Stream.unwrap(Effect.map(provider.prepare(call), ({ events }) => events))

const said = (provider: Provider, call = callOf()) =>
  events(provider, call).pipe(
    Stream.runFold(
      () => "",
      (text, event) => (event._tag === "TextDelta" ? text + event.text : text)
    )
  )

describe("a scripted provider", () => {
  it.effect("says who it is where it is told nothing else", () =>
    Effect.gen(function* () {
      const provider = ScriptedProvider.make("me")
      assert.strictEqual(yield* said(provider), "I am me")
      assert.deepStrictEqual([...(yield* provider.models)], [])
      assert.isUndefined(provider.embed)
      assert.isUndefined(provider.abilities)
    })
  )

  it.effect("answers by turns, and with the last from then on", () =>
    Effect.gen(function* () {
      const provider = ScriptedProvider.make("p", { answer: [says("one"), fails(limited()), says("three")] })
      assert.strictEqual(yield* said(provider), "one")
      assert.strictEqual((yield* Effect.flip(said(provider)))._tag, "RateLimitError")
      assert.strictEqual(yield* said(provider), "three")
      assert.strictEqual(yield* said(provider), "three")
      assert.lengthOf(provider.sent, 4)
    })
  )

  it.effect("answers by what it is asked", () =>
    Effect.gen(function* () {
      const provider = ScriptedProvider.make("p", { answer: ({ model }) => says(`by ${model}`) })
      assert.strictEqual(yield* said(provider, callOf("a")), "by a")
      assert.strictEqual(yield* said(provider, callOf("b")), "by b")
    })
  )

  it.effect("knows what was translated from what was sent, and what it refuses to translate", () =>
    Effect.gen(function* () {
      const provider = ScriptedProvider.make("p", { dropped: ["seed"] })
      assert.deepStrictEqual((yield* provider.prepare(callOf())).dropped, ["seed"])
      assert.deepStrictEqual([provider.prepared.length, provider.sent.length], [1, 0])
      const stubborn = ScriptedProvider.make("p", { refusal: refused("Not this") })
      assert.strictEqual((yield* Effect.flip(stubborn.prepare(callOf()))).message, "Not this")
      assert.lengthOf(stubborn.prepared, 1)
    })
  )

  it.effect("speaks at its pace", () =>
    Effect.gen(function* () {
      const heard: Array<string> = []
      const listening = yield* Effect.forkChild(
        Stream.runForEach(
          events(ScriptedProvider.make("p", { answer: speaks("one two three", "1 second") })),
          (event) => Effect.sync(() => heard.push(event._tag === "TextDelta" ? event.text : event._tag))
        )
      )
      yield* TestClock.adjust(Duration.seconds(2))
      assert.deepStrictEqual(heard, ["Started", "one", " two"])
      yield* TestClock.adjust(Duration.seconds(1))
      yield* Fiber.join(listening)
      assert.deepStrictEqual(heard, ["Started", "one", " two", " three", "ChoiceFinished", "Finished"])
    })
  )

  it.effect("breaks off after some words, and knows who has left", () =>
    Effect.gen(function* () {
      const broken = ScriptedProvider.make("p", { answer: breaksOff("It is") })
      const heard: Array<string> = []
      const error = yield* Effect.flip(
        Stream.runForEach(events(broken), ({ _tag }) => Effect.sync(() => heard.push(_tag)))
      )
      assert.deepStrictEqual(heard, ["Started", "TextDelta"])
      assert.deepInclude(error, { _tag: "ProviderError", reason: "provider_failed", upstreamStatus: 500 })
      assert.lengthOf(broken.abandoned, 0)

      const silent = ScriptedProvider.make("p", { answer: hangs() })
      const waiting = yield* Effect.forkChild(said(silent), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(waiting)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(waiting)))
      yield* Stream.runDrain(Stream.take(events(silent), 1))
      assert.lengthOf(silent.sent, 2)
      assert.lengthOf(silent.abandoned, 2)
    })
  )

  it.effect("calls tools, and gives an answer at once where it is not streamed", () =>
    Effect.gen(function* () {
      const provider = ScriptedProvider.make("p", {
        answer: calls({ name: "add", arguments: { a: 1 } }, { name: "now" })
      })
      const { whole } = yield* provider.prepare(callOf("m", { stream: false }))
      const tags = (yield* whole ?? Effect.die("it is not whole")).flatMap((event) =>
        event._tag === "ToolCallDelta" ? [`${event.id} ${event.name} ${event.arguments}`] : [event._tag]
      )
      assert.deepStrictEqual(tags, ["Started", 'call_0 add {"a":1}', "call_1 now {}", "ChoiceFinished", "Finished"])
    })
  )

  it.effect("lists models, or fails to; embeds as it is told", () =>
    Effect.gen(function* () {
      const good = ScriptedProvider.make("p", {
        models: ["a", "b"],
        embed: ({ input }) => Effect.succeed({ vectors: input.map(() => [1]), promptTokens: 1 })
      })
      assert.deepStrictEqual(
        (yield* good.models).map(({ id }) => id),
        ["a", "b"]
      )
      const { embeddings } = yield* good.embed?.({ requestId: "req_1", model: "e", input: ["x"] }) ?? Effect.die("none")
      assert.deepStrictEqual((yield* embeddings).vectors, [[1]])
      assert.lengthOf(good.embedded, 1)
      const bad = ScriptedProvider.make("p", { models: Effect.fail(failure("provider_timeout")) })
      assert.strictEqual((yield* Effect.flip(bad.models)).reason, "provider_timeout")
    })
  )
})
