import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { YandexAuth } from "../../../src/config/Settings.ts"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import * as Scripted from "../../support/ScriptedUpstream.ts"
import * as Yandex from "../../support/YandexUpstream.ts"
import { ask as answer, call, provider } from "./Calls.ts"

const ask = (...of: Parameters<typeof answer>) => Effect.map(answer(...of), ({ events }) => events)

const text = (events: ReadonlyArray<ChatEvent>) =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")
const reasons = (events: ReadonlyArray<ChatEvent>) =>
  events.flatMap((event) => (event._tag === "ChoiceFinished" ? [event.reason] : []))

const serviceAccount = (yandex: Yandex.YandexUpstream) =>
  Effect.map(yandex.keyFile, (file): YandexAuth => ({ _tag: "ServiceAccountKey", file }))

describe("YandexGpt", () => {
  for (const stream of [false, true]) {
    it.effect(`answers ${stream ? "a stream" : "in one piece"}, and sends what the vendor wants`, () =>
      Effect.gen(function* () {
        const yandex = yield* Yandex.make()
        const events = yield* ask(yield* provider(yandex), { stream, max_tokens: 2 })
        assert.strictEqual(text(events), "Один, два,")
        assert.deepStrictEqual(reasons(events), ["length"])
        assert.deepStrictEqual(events.at(-1), {
          _tag: "Finished",
          usage: { promptTokens: 1, completionTokens: 2, cachedTokens: 0, reasoningTokens: 0 }
        })
        const [received] = yandex.completions
        assert.deepStrictEqual(received?.body, {
          modelUri: `gpt://${yandex.folderId}/yandexgpt`,
          completionOptions: { stream, maxTokens: "2" },
          messages: [{ role: "user", text: "Привет" }]
        })
        const { headers } = received ?? assert.fail("nothing was received")
        assert.strictEqual(headers.authorization, `Api-Key ${yandex.apiKey}`)
        assert.strictEqual(headers["x-data-logging-enabled"], "false")
        assert.strictEqual(headers["x-client-request-id"], "01234567-89ab-cdef-0123-456789abcdef")
        assert.notProperty(headers, "x-folder-id")
      })
    )
  }

  it.effect("lets the vendor keep data only where the operator wishes it", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      yield* ask(yield* provider(yandex, { dataLogging: true }))
      assert.notProperty(yandex.completions[0]?.headers, "x-data-logging-enabled")
    })
  )

  it.effect("reads a stream that is cut within letters and lines, and whose last line is open", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      for (const packetSize of [1, 3, 7]) {
        yandex.next(Yandex.says("Ёжик 🦔 в тумане", { packetSize, isLastLineOpen: true }))
        const events = yield* ask(yandexgpt, { stream: true })
        assert.strictEqual(text(events), "Ёжик 🦔 в тумане")
        assert.deepStrictEqual(reasons(events), ["stop"])
      }
    })
  )

  it.effect("keeps a connection for the next answer", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      for (const stream of [true, true, true, false, false, false]) yield* ask(yandexgpt, { stream })
      // The end of a stream may still be under way when the next request wants a connection.
      assert.isAtMost(Math.max(...yandex.completions.map(({ connection }) => connection)), 2)
    })
  )

  it.effect("keeps half an answer when the vendor filters the rest, and ends with content_filter", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      yandex.next(Yandex.filters("Посмотрите в поиске", "Жил-был"))
      const events = yield* ask(yield* provider(yandex), { stream: true })
      assert.strictEqual(text(events), "Жил-был")
      assert.deepStrictEqual(reasons(events), ["content_filter"])
      assert.deepStrictEqual(events.at(-1), {
        _tag: "Finished",
        usage: { promptTokens: 9, completionTokens: 4, cachedTokens: 0, reasoningTokens: 0 }
      })
    })
  )

  it.effect("tells the vendor's refusal where it filters all", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      yandex.next(Yandex.filters("Посмотрите в поиске"))
      const events = yield* ask(yield* provider(yandex))
      assert.strictEqual(text(events), "Посмотрите в поиске")
      assert.deepStrictEqual(reasons(events), ["content_filter"])
    })
  )

  it.effect("tells text and then the failure, where a stream breaks by a line or by its end", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      const half = Yandex.envelope({ text: "Раз", status: "ALTERNATIVE_STATUS_PARTIAL" })
      const breaks: ReadonlyArray<readonly [Yandex.Answer, string]> = [
        [Yandex.breaksAfter("Раз", 429, 8, "quota"), "provider_rate_limit"],
        [Yandex.breaksAfter("Раз", 500, 13, "internal"), "provider_failed"],
        [() => Yandex.lines([half]), "provider_failed"],
        [() => Yandex.lines([half, "rubbish"]), "provider_invalid_answer"]
      ]
      for (const [answer, reason] of breaks) {
        yandex.next(answer)
        const seen: Array<ChatEvent> = []
        const { events } = yield* yandexgpt.prepare(call({ stream: true }))
        const error = yield* Effect.flip(Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event))))
        assert.strictEqual(text(seen), "Раз")
        assert.deepStrictEqual(reasons(seen), [])
        assert.strictEqual(error.reason, reason)
      }
    })
  )

  it.effect("fails before any event where the vendor refuses, JSON and stream alike", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      for (const stream of [false, true]) {
        yandex.next(Yandex.gaugeQuota, Yandex.refuses(500, 13, "internal"))
        const busy = yield* Effect.flip(ask(yandexgpt, { stream }))
        assert.deepStrictEqual([busy._tag, busy.reason], ["RateLimitError", "provider_rate_limit"])
        assert.include(busy.message, "gauge quota limit exceed")
        const broken = yield* Effect.flip(ask(yandexgpt, { stream }))
        assert.deepStrictEqual([broken._tag, broken.reason], ["ProviderError", "provider_failed"])
        const unknown = yield* Effect.flip(ask(yandexgpt, { stream }, "yandexgpt-0"))
        assert.deepStrictEqual([unknown._tag, unknown.reason], ["ValidationError", "model_not_found"])
      }
    })
  )

  it.effect("never shows the key that the vendor quotes, and does not try again with it", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const apiKey = Redacted.make("AQVN-some-other-key")
      const error = yield* Effect.flip(ask(yield* provider(yandex, { auth: { _tag: "ApiKey", apiKey } })))
      assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", "provider_rejected_credentials"])
      assert.notInclude(JSON.stringify(error), "AQVN")
      assert.strictEqual(yandex.completions.length, 1)
    })
  )

  it.effect("refuses a foreign folder without asking the vendor", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      const error = yield* Effect.flip(yandexgpt.prepare(call({}, "gpt://b1gsomebodyelse00000/yandexgpt")))
      assert.deepStrictEqual([error._tag, error.reason], ["ValidationError", "model_not_found"])
      assert.deepStrictEqual(yandex.completions, [])
    })
  )

  it.effect("closes the connection when the reader of a stream leaves", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      yandex.next(() =>
        Scripted.steps(
          Scripted.head(200),
          Scripted.write(`${JSON.stringify(Yandex.envelope({ text: "Раз", status: "ALTERNATIVE_STATUS_PARTIAL" }))}\n`),
          Scripted.hang
        )
      )
      const { events } = yield* (yield* provider(yandex)).prepare(call({ stream: true }))
      const taken = yield* Stream.runCollect(Stream.take(events, 2))
      assert.strictEqual(text(taken), "Раз")
      yield* (yandex.completions[0] ?? assert.fail("nothing was received")).abandoned
    })
  )

  it.effect("lists the vendor's documented models, whose age it does not know, and what each is for", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex)
      const models = yield* yandexgpt.models
      const embedding = models.filter(({ purpose }) => purpose === "embedding").map(({ id }) => id)
      const others = models.filter(({ purpose }) => purpose !== "embedding").map(({ id }) => id)
      assert.includeMembers(others, ["yandexgpt", "yandexgpt-lite", "yandexgpt-5.1", "aliceai-llm"])
      assert.includeMembers(embedding, ["text-search-doc", "text-search-query", "text-embeddings-v2-doc"])
      assert.isTrue(models.every(({ created }) => created === 0))
      for (const id of others) assert.isTrue(yandexgpt.abilities?.(id).parameters.has("tools"))
      for (const id of [...embedding, "text-search-doc:latest", `emb://${yandex.folderId}/text-search-doc/latest`]) {
        assert.deepStrictEqual([...(yandexgpt.abilities?.(id).parameters ?? [])], ["dimensions"])
      }
    })
  )
})

describe("YandexGpt with a person's IAM token", () => {
  it.effect("tells the folder, and gives up when the token is refused", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const auth = (token: string): YandexAuth => ({ _tag: "IamToken", token: Redacted.make(token) })
      yield* ask(yield* provider(yandex, { auth: auth(yandex.userToken) }))
      assert.strictEqual(yandex.completions[0]?.headers["x-folder-id"], yandex.folderId)
      const error = yield* Effect.flip(ask(yield* provider(yandex, { auth: auth("t1.ended") })))
      assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", "provider_rejected_credentials"])
      assert.strictEqual(yandex.completions.length, 2)
    })
  )
})

describe("YandexGpt with a service account", () => {
  it.effect("exchanges a signed statement for a token, once for all who ask at once", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 10, 1))
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex, { auth: yield* serviceAccount(yandex) })
      yield* Effect.all(
        Array.from({ length: 20 }, () => ask(yandexgpt)),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(yandex.tokenRequests.length, 1)
      assert.strictEqual(yandex.completions.length, 20)
      assert.isTrue(yandex.completions.every(({ headers }) => headers.authorization === "Bearer t1.scripted-1"))
      assert.notProperty(yandex.completions[0]?.headers, "x-folder-id")
    })
  )

  it.effect("has a revoked token replaced once for all, and sends each request again once", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const yandexgpt = yield* provider(yandex, { auth: yield* serviceAccount(yandex) })
      yield* ask(yandexgpt)
      yandex.revokeTokens()
      const all = yield* Effect.all(
        Array.from({ length: 20 }, (_, at) => ask(yandexgpt, { stream: at % 2 === 0 })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(all.map(text)), new Set([Yandex.defaultAnswer]))
      assert.strictEqual(yandex.tokenRequests.length, 2)
      assert.isAtMost(yandex.completions.length, 1 + 40)
    })
  )

  it.effect("fetches a new token when the old one has ended, whatever the fraction of its end", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 10, 1))
      const yandex = yield* Yandex.make({ tokenLifeSeconds: 600 })
      const yandexgpt = yield* provider(yandex, { auth: yield* serviceAccount(yandex) })
      yield* ask(yandexgpt)
      yield* TestClock.adjust("599 seconds")
      yield* ask(yandexgpt)
      assert.deepStrictEqual(
        yandex.completions.map(({ headers }) => headers.authorization),
        ["Bearer t1.scripted-1", "Bearer t1.scripted-2"]
      )
    })
  )

  it.effect("gives a request up after one replay", () =>
    Effect.gen(function* () {
      const yandex = yield* Yandex.make()
      const refused = Yandex.refuses(401, 16, "The token is invalid")
      yandex.next(refused, refused)
      const error = yield* Effect.flip(ask(yield* provider(yandex, { auth: yield* serviceAccount(yandex) })))
      assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", "provider_rejected_credentials"])
      assert.deepStrictEqual([yandex.completions.length, yandex.tokenRequests.length], [2, 2])
    })
  )

  const refusals: ReadonlyArray<
    readonly [what: string, answer: Scripted.Step, reason: string, said: string | undefined]
  > = [
    [
      "refuses the key",
      Scripted.json(401, { code: 16, message: "The token eyJhbGciOi.eyJpc3Mi.c2ln is invalid", details: [] }),
      "provider_rejected_credentials",
      "The token *** is invalid"
    ],
    ["is overrun", Scripted.json(429, { code: 8, message: "slow down" }), "provider_unavailable", "slow down"],
    ["is away", Scripted.text(503, ""), "provider_unavailable", undefined],
    [
      "answers without a token",
      Scripted.json(200, { expiresAt: "2026-01-01T00:00:00Z" }),
      "provider_invalid_answer",
      undefined
    ],
    ["answers HTML", Scripted.text(200, "<html>"), "provider_invalid_answer", undefined],
    ["breaks off", Scripted.reset, "provider_unavailable", undefined]
  ]
  it.effect.each(refusals)(
    "fails clearly where the token endpoint %s, and asks it again a second later",
    ([, answer, reason, said]) =>
      Effect.gen(function* () {
        const yandex = yield* Yandex.make()
        const yandexgpt = yield* provider(yandex, { auth: yield* serviceAccount(yandex) })
        yandex.nextToken(answer)
        const error = yield* Effect.flip(ask(yandexgpt))
        assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", reason])
        assert.strictEqual(error._tag === "ProviderError" ? error.upstreamMessage : "", said)
        assert.deepStrictEqual(yandex.completions, [])
        yield* TestClock.adjust("1 second")
        assert.strictEqual(text(yield* ask(yandexgpt)), Yandex.defaultAnswer)
      })
  )
})
