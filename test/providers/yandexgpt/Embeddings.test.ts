import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { EmbeddingCall, Provider } from "../../../src/providers/Provider.ts"
import * as Pace from "../../../src/providers/yandexgpt/Pace.ts"
import { eventually } from "../../support/Eventually.ts"
import * as Scripted from "../../support/ScriptedUpstream.ts"
import * as Yandex from "../../support/YandexUpstream.ts"
import { provider } from "./Calls.ts"

const embed = (yandexgpt: Provider, input: ReadonlyArray<string>, over: Partial<EmbeddingCall> = {}) =>
  Effect.flatMap(
    yandexgpt.embed?.({
      requestId: "req_0123456789abcdef0123456789abcdef",
      model: "text-search-doc",
      input,
      ...over
    }) ?? Effect.die("it embeds nothing"),
    ({ embeddings }) => embeddings
  )

describe("YandexGpt.embed", () => {
  it.effect("sends one text a call, keeps their order and sums what was counted", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const input = ["раз", "раз два", "раз два три"]
      const { vectors, promptTokens } = yield* embed(yield* provider(yandex), input, { dimensions: 4 })
      assert.deepStrictEqual(
        vectors,
        input.map((text) => Yandex.vectorOf({ model: "text-search-doc", text, dim: 4 }))
      )
      assert.strictEqual(promptTokens, 6)
      const bodies = yandex.embeddings.map(({ text }) => text).sort()
      const modelUri = `emb://${yandex.folderId}/text-search-doc/latest`
      assert.deepStrictEqual(bodies, input.map((text) => JSON.stringify({ modelUri, text, dim: "4" })).sort())
      const { headers } = yandex.embeddings[0] ?? assert.fail("nothing was received")
      assert.strictEqual(headers.authorization, `Api-Key ${yandex.apiKey}`)
      assert.strictEqual(headers["x-data-logging-enabled"], "false")
      assert.strictEqual(headers["x-client-request-id"], "01234567-89ab-cdef-0123-456789abcdef")
    })
  )

  it.effect("reports what it leaves out", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const { embed } = yield* provider(yandex)
      const more = { user: "u-1", truncate: "END" }
      const prepared = embed?.({ requestId: "req_1", model: "text-search-doc", input: ["a"], more })
      assert.deepStrictEqual((yield* prepared ?? assert.fail("it embeds nothing")).dropped, ["truncate"])
    })
  )

  const names: ReadonlyArray<readonly [model: string, uri: string]> = [
    ["text-search-doc", "text-search-doc/latest"],
    ["text-search-query:latest", "text-search-query/latest"],
    ["text-embeddings-v2-doc/rc", "text-embeddings-v2-doc/rc"],
    ["emb://b1gscripted000000001/text-search-query", "text-search-query/latest"],
    ["emb://b1gscripted000000001/text-search-doc/latest", "text-search-doc/latest"]
  ]
  it.effect.each(names)("takes the model name %s", ([model, uri]) =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      yield* embed(yield* provider(yandex), ["раз"], { model })
      assert.deepStrictEqual(yandex.embeddings[0]?.body, { modelUri: `emb://${yandex.folderId}/${uri}`, text: "раз" })
    })
  )

  it.effect("refuses another folder and another kind of model without asking the vendor", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      for (const model of [
        "emb://b1gsomebodyelse00000/text-search-doc/latest",
        `gpt://${yandex.folderId}/yandexgpt`,
        "a b"
      ]) {
        const error = yield* Effect.flip(embed(yandexgpt, ["раз"], { model }))
        assert.deepStrictEqual([error._tag, error.reason], ["ValidationError", "model_not_found"])
      }
      assert.deepStrictEqual(yandex.embeddings, [])
    })
  )

  it.effect("reads counts that are numbers, and makes none up", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      const answers = (fields: object) => () => Scripted.json(200, { embedding: [0.5], ...fields })
      yandex.nextEmbedding(answers({ numTokens: 3 }), answers({ numTokens: "4" }), answers({}))
      assert.strictEqual((yield* embed(yandexgpt, ["a", "b"])).promptTokens, 7)
      assert.strictEqual((yield* embed(yandexgpt, ["c"])).promptTokens, undefined)
    })
  )

  const broken: ReadonlyArray<readonly [what: string, body: unknown, reason: string]> = [
    ["no vector", {}, "provider_invalid_answer"],
    ["an empty vector", { embedding: [] }, "provider_invalid_answer"],
    ["a vector of text", { embedding: [1, "2"] }, "provider_invalid_answer"],
    ["an error in its 200", { error: { grpcCode: 13, httpCode: 500, message: "no" } }, "provider_failed"]
  ]
  it.effect.each(broken)("fails where the answer holds %s", ([, body, reason]) =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      yandex.nextEmbedding(() => Scripted.json(200, body))
      const error = yield* Effect.flip(embed(yield* provider(yandex), ["a"]))
      assert.strictEqual(error.reason, reason)
    })
  )

  it.effect("names the text that the vendor refuses, and shows no folder", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      const error = yield* Effect.flip(embed(yandexgpt, ["a", ""]))
      assert.deepStrictEqual([error._tag, error.reason], ["ValidationError", "provider_rejected_request"])
      assert.strictEqual(error._tag === "ValidationError" ? error.param : undefined, "input[1]")
      const unknown = yield* Effect.flip(embed(yandexgpt, ["a"], { model: "text-search-none" }))
      assert.deepStrictEqual([unknown._tag, unknown.reason], ["ValidationError", "model_not_found"])
      assert.notInclude(JSON.stringify(unknown), yandex.folderId)
    })
  )

  it.effect("sends a text again after the quota was full, and gives up after the third time", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      const full = () => Scripted.json(429, { error: { grpcCode: 8, httpCode: 429, message: "quota" } })
      const answered = Effect.fnUntraced(function* (refusals: number) {
        yandex.nextEmbedding(...Array.from({ length: refusals }, () => full))
        const fiber = yield* Effect.forkChild(embed(yandexgpt, ["a"]))
        // However often: the answers come in real time, the seconds in the test's.
        yield* eventually(
          Effect.andThen(
            TestClock.adjust("1 second"),
            Effect.sync(() => fiber.pollUnsafe() !== undefined)
          )
        )
        return yield* Fiber.join(fiber)
      })
      assert.lengthOf((yield* answered(1)).vectors, 1)
      const error = yield* Effect.flip(answered(4))
      assert.deepStrictEqual([error._tag, error.reason], ["RateLimitError", "provider_rate_limit"])
      assert.strictEqual(yandex.embeddings.length, 2 + 4)
    })
  )

  it.effect("sends no more than ten texts a second, whoever asks", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      const texts = (count: number, name: string) => Array.from({ length: count }, (_, at) => `${name} ${at}`)
      const both = yield* Effect.forkChild(
        Effect.all([embed(yandexgpt, texts(8, "a")), embed(yandexgpt, texts(7, "b"))], { concurrency: 2 })
      )
      yield* eventually(Effect.sync(() => yandex.embeddings.length === 10))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yandex.embeddings.length, 10)
      yield* TestClock.adjust("100 millis")
      const [a, b] = yield* Fiber.join(both)
      assert.deepStrictEqual([a.vectors.length, b.vectors.length, yandex.embeddings.length], [8, 7, 15])
    })
  )

  it.effect("sends on at that pace where the time of day is set back meanwhile", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      const texts = Array.from({ length: 10 }, (_, at) => `text ${at}`)
      yield* TestClock.adjust("1 hour")
      yield* embed(yandexgpt, texts)
      yield* TestClock.setTime(0)
      const later = yield* Effect.forkChild(embed(yandexgpt, texts))
      yield* TestClock.adjust("1100 millis")
      assert.lengthOf((yield* Fiber.join(later)).vectors, 10)
    })
  )

  it.effect("closes its connections when the caller leaves", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      yandex.nextEmbedding(() => Scripted.steps(Scripted.head(200), Scripted.hang))
      const fiber = yield* Effect.forkChild(embed(yield* provider(yandex), ["a"]))
      yield* eventually(Effect.sync(() => yandex.embeddings.length === 1))
      yield* Fiber.interrupt(fiber)
      yield* (yandex.embeddings[0] ?? assert.fail("nothing was received")).abandoned
    })
  )
})

describe("Pace", () => {
  it.effect("lets no window hold more starts than it may, and loses none", () =>
    Effect.gen(function* () {
      const pace = Pace.make(3, Duration.seconds(1))
      let started = 0
      yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 8 }),
          () =>
            Effect.andThen(
              pace,
              Effect.sync(() => started++)
            ),
          { concurrency: "unbounded" }
        )
      )
      const after: Array<number> = []
      for (const wait of ["0 millis", "999 millis", "1 millis", "999 millis", "1 millis", "10 seconds"] as const) {
        yield* TestClock.adjust(wait)
        after.push(started)
      }
      assert.deepStrictEqual(after, [3, 3, 6, 6, 8, 8])
    })
  )
})
