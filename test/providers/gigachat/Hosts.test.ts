import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Stream } from "effect"
import { make } from "../../../src/providers/gigachat/GigaChat.ts"
import { type Hosts, publicHosts, versionOf } from "../../../src/providers/gigachat/Hosts.ts"
import * as GigaChat from "../../support/GigaChatUpstream.ts"
import { closedPort } from "../../support/Loopback.ts"
import * as Scripted from "../../support/ScriptedUpstream.ts"
import { gigaChatSettings } from "../../support/Upstreams.ts"

const timeouts = { connect: Duration.seconds(5), idle: Duration.seconds(60) }

const listed = (...ids: ReadonlyArray<string>) =>
  Scripted.json(200, { object: "list", data: ids.map((id) => ({ id, object: "model", type: "chat" })) })

/** A second host of the vendor's, which trusts the first one's tokens. */
const setUp = Effect.fnUntraced(function* (baseUrl?: (url: string) => string) {
  const first = yield* GigaChat.make()
  const second = yield* Scripted.make(({ method }) =>
    method === "GET"
      ? listed("GigaChat-3-Ultra", "GigaChat-2", "GigaChat-9")
      : GigaChat.answering({ pieces: ["Третий"] })
  )
  const hosts: Hosts = {
    baseUrl: first.baseUrl,
    others: [{ models: /^GigaChat-3\b/, baseUrl: baseUrl?.(second.url) ?? `${second.url}/v1` }]
  }
  const settings = gigaChatSettings(first)
  return {
    first,
    second,
    ofVendor: yield* make("gigachat", { ...settings, baseUrl: undefined }, timeouts, false, hosts),
    ofOperator: yield* make("gigachat", settings, timeouts, false, hosts)
  }
})

type Provider = Effect.Success<ReturnType<typeof make>>

const ask = (provider: Provider, model: string, stream: boolean) =>
  provider
    .prepare({
      requestId: "req_1",
      model,
      request: { model: "gigachat", messages: [{ role: "user", content: "Привет" }], stream }
    })
    .pipe(Effect.flatMap(({ events }) => Stream.runCollect(events)))

describe("GigaChat of several hosts", () => {
  it("is the vendor's: the third generation has a host of its own", () => {
    const hostOf = (model: string) =>
      publicHosts.others.find(({ models }) => models.test(model))?.baseUrl ?? publicHosts.baseUrl
    for (const model of ["GigaChat-3-Ultra", "gigachat-3-ultra-preview", "GigaChat-3.5-Max"]) {
      assert.strictEqual(hostOf(model), "https://api.giga.chat/v1", model)
    }
    for (const model of ["GigaChat", "GigaChat-2-Max", "GigaChat-30", "Embeddings-2"]) {
      assert.strictEqual(hostOf(model), "https://gigachat.devices.sberbank.ru/api/v1", model)
    }
  })

  for (const stream of [false, true]) {
    it.effect(`is asked where the model is served, by one token (${stream ? "stream" : "JSON"})`, () =>
      Effect.gen(function* () {
        const { first, ofVendor, second } = yield* setUp()
        yield* ask(ofVendor, "GigaChat-2-Max", stream)
        assert.deepStrictEqual([first.chats().length, second.requests.length], [1, 0])
        const events = yield* ask(ofVendor, "GigaChat-3-Ultra", stream)
        assert.deepInclude(events, { _tag: "TextDelta", choice: 0, text: "Третий" })
        assert.deepStrictEqual([first.chats().length, first.tokens().length], [1, 1])
        const [chat] = second.requests
        assert.strictEqual(chat?.path, "/v1/chat/completions")
        assert.strictEqual(chat?.headers.authorization, first.chats()[0]?.headers.authorization)
      })
    )
  }

  it.effect("lists the models of all of them, each by the host that serves it", () =>
    Effect.gen(function* () {
      const { ofVendor } = yield* setUp()
      assert.deepStrictEqual(
        (yield* ofVendor.models).map(({ id }) => id),
        ["GigaChat-2", "GigaChat-2-Pro", "GigaChat-2-Max", "Embeddings", "GigaChat-3-Ultra"]
      )
    })
  )

  it.effect("lists what the first serves where the other cannot be reached", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const { ofVendor } = yield* setUp(() => `http://127.0.0.1:${port}/v1`)
      assert.notInclude(
        (yield* ofVendor.models).map(({ id }) => id),
        "GigaChat-3-Ultra"
      )
    })
  )

  it.effect("is at the operator's alone where there is one", () =>
    Effect.gen(function* () {
      const { first, ofOperator, second } = yield* setUp()
      const failure = yield* Effect.flip(ask(ofOperator, "GigaChat-3-Ultra", false))
      assert.strictEqual(failure.reason, "model_not_found")
      assert.lengthOf(first.chats(), 1)
      yield* ofOperator.models
      assert.lengthOf(second.requests, 0)
    })
  )
})

describe("GigaChat v2", () => {
  it("is meant by the end of the base URL, and is of chats alone", () => {
    for (const [baseUrl, v1, isV2] of [
      ["https://api.giga.chat/v2", "https://api.giga.chat/v1", true],
      ["https://example.org/api/v2/", "https://example.org/api/v1/", true],
      ["https://api.giga.chat/v1", "https://api.giga.chat/v1", false],
      ["https://example.org/v2/gigachat", "https://example.org/v2/gigachat", false]
    ] as const) {
      assert.deepStrictEqual(versionOf(baseUrl), { isV2, v1 })
    }
  })

  for (const stream of [false, true]) {
    it.effect(`answers its chats, and v1 the rest (${stream ? "stream" : "JSON"})`, () =>
      Effect.gen(function* () {
        const upstream = yield* GigaChat.make()
        const settings = { ...gigaChatSettings(upstream), baseUrl: upstream.baseUrlV2 }
        const provider = yield* make("gigachat", settings, timeouts)
        upstream.answer({ reasoning: "Считаю." })
        const events = yield* ask(provider, "GigaChat-2-Max", stream)
        assert.strictEqual(events.map((event) => ("text" in event ? event.text : "")).join(""), "Считаю.Раз, два, три.")
        assert.deepStrictEqual(events.at(-1), {
          _tag: "Finished",
          usage: { promptTokens: 19, completionTokens: 3, cachedTokens: 2, reasoningTokens: 0 }
        })
        assert.deepStrictEqual([upstream.chats().length, upstream.chatsV2().length], [0, 1])
        assert.isNotEmpty(yield* provider.models)
        assert.deepStrictEqual(upstream.violations, [])
      })
    )
  }
})
