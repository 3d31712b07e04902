import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Latch, Redacted, Stream } from "effect"
import type { GigaChatSettings } from "../../../src/config/Settings.ts"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import type { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import { make } from "../../../src/providers/gigachat/GigaChat.ts"
import type { Provider } from "../../../src/providers/Provider.ts"
import * as GigaChat from "../../support/GigaChatUpstream.ts"
import { closedPort } from "../../support/Loopback.ts"
import { json, text } from "../../support/ScriptedUpstream.ts"
import { gigaChatSettings } from "../../support/Upstreams.ts"

const timeouts = { connect: Duration.seconds(5), idle: Duration.seconds(60) }

const setUp = Effect.fnUntraced(function* (
  own: Partial<GigaChatSettings> = {},
  options: GigaChat.GigaChatUpstreamOptions = {}
) {
  const server = yield* GigaChat.make(options)
  const provider = yield* make("gigachat", { ...gigaChatSettings(server), ...own }, timeouts)
  return { server, provider }
})

const ask = (provider: Provider, fields: Partial<ChatRequest> = {}, model = "GigaChat-2-Max") =>
  Effect.flatMap(
    provider.prepare({
      requestId: "req_1",
      model,
      request: { model: "gigachat-max", messages: [{ role: "user", content: "Считай до трёх" }], ...fields }
    }),
    ({ events }) => Stream.runCollect(events)
  )

const textOf = (events: ReadonlyArray<ChatEvent>): string =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")

const usage = { promptTokens: 19, completionTokens: 3, cachedTokens: 2, reasoningTokens: 0 }

describe("GigaChat", () => {
  it.effect("tells what its models can do by themselves", () =>
    Effect.gen(function* () {
      const { provider } = yield* setUp()
      const able = provider.abilities?.("GigaChat-2")
      assert.deepStrictEqual(able?.formats, new Set(["json_schema"]))
      assert.deepStrictEqual(able?.input, new Set(["text"]))
      for (const name of ["tools", "tool_choice", "response_format", "temperature", "max_tokens"]) {
        assert.isTrue(able?.parameters.has(name), name)
      }
      for (const name of ["stop", "n", "seed", "logprobs"]) assert.isFalse(able?.parameters.has(name), name)
    })
  )

  for (const stream of [false, true]) {
    describe(stream ? "in a stream" : "in one piece", () => {
      it.effect("answers, and was sent what its API wants", () =>
        Effect.gen(function* () {
          const { provider, server } = yield* setUp()
          const events = yield* ask(provider, { stream, temperature: 0, max_tokens: 64 })
          assert.strictEqual(textOf(events), "Раз, два, три.")
          assert.deepStrictEqual(events.slice(-2), [
            { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
            { _tag: "Finished", usage }
          ])
          const [chat] = server.chats()
          assert.deepStrictEqual(chat?.body, {
            model: "GigaChat-2-Max",
            messages: [{ role: "user", content: "Считай до трёх" }],
            top_p: 0,
            max_tokens: 64,
            ...(stream ? { stream: true } : {})
          })
          assert.match(chat?.headers.authorization ?? "", /^Bearer eyJ/)
          assert.deepInclude(chat?.headers, {
            "content-type": "application/json",
            accept: stream ? "text/event-stream" : "application/json",
            "x-request-id": "req_1"
          })
          assert.deepStrictEqual(server.violations, [])
        })
      )

      it.effect("calls a function and takes its result, by the caller's name and with GigaChat's state id", () =>
        Effect.gen(function* () {
          const { provider, server } = yield* setUp()
          const stateId = "3f0c2a10-5b7e-4c55-9d1e-0a1b2c3d4e5f"
          const tools = [{ type: "function", function: { name: "mcp.weather/now", parameters: { type: "object" } } }]
          const user = { role: "user", content: "Погода в Туле?" } as const
          server.answer({ pieces: [], call: { name: "mcp_weather_now", arguments: { city: "Тула" }, stateId } })
          const events = yield* ask(provider, { stream, tools, messages: [user] })
          const id = `call_${stateId}`
          assert.deepStrictEqual(events.slice(1), [
            { _tag: "ToolCallDelta", choice: 0, call: 0, id, name: "mcp.weather/now", arguments: "" },
            { _tag: "ToolCallDelta", choice: 0, call: 0, arguments: '{"city":"Тула"}' },
            { _tag: "ChoiceFinished", choice: 0, reason: "tool_calls" },
            { _tag: "Finished", usage }
          ])

          server.answer({ pieces: ["21 °C"], call: undefined })
          const called = { name: "mcp.weather/now", arguments: '{"city":"Тула"}' }
          const answer = yield* ask(provider, {
            stream,
            tools,
            messages: [
              user,
              { role: "assistant", content: null, tool_calls: [{ id, type: "function", function: called }] },
              { role: "tool", tool_call_id: id, content: "21 °C" }
            ]
          })
          assert.strictEqual(textOf(answer), "21 °C")
          assert.deepStrictEqual(server.chats()[1]?.body, {
            model: "GigaChat-2-Max",
            messages: [
              user,
              {
                role: "assistant",
                content: "",
                function_call: { name: "mcp_weather_now", arguments: { city: "Тула" } },
                functions_state_id: stateId
              },
              { role: "function", name: "mcp_weather_now", content: '{"result":"21 °C"}' }
            ],
            functions: [
              {
                name: "mcp_weather_now",
                description: "mcp.weather/now",
                parameters: { type: "object", properties: {} }
              }
            ],
            function_call: "auto",
            ...(stream ? { stream: true } : {})
          })
          assert.deepStrictEqual(server.violations, [])
        })
      )

      it.effect("keeps the censor's words and says that it was the censor", () =>
        Effect.gen(function* () {
          const { provider, server } = yield* setUp()
          server.answer({ pieces: ["Не люблю менять тему разговора"], finishReason: "blacklist" })
          const events = yield* ask(provider, { stream })
          assert.strictEqual(textOf(events), "Не люблю менять тему разговора")
          assert.deepInclude(events, { _tag: "ChoiceFinished", choice: 0, reason: "content_filter" })
        })
      )

      it.effect("has expired tokens of 20 parallel requests replaced by one, and each request repeated once", () =>
        Effect.gen(function* () {
          const { provider, server } = yield* setUp()
          yield* ask(provider, { stream })
          server.expireTokens()
          const answers = yield* Effect.all(
            Array.from({ length: 20 }, () => ask(provider, { stream })),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(new Set(answers.map(textOf)), new Set(["Раз, два, три."]))
          assert.strictEqual(server.tokens().length, 2)
          assert.strictEqual(server.chats().length, 1 + 2 * 20)
        })
      )

      it.effect("gives up where a fresh token is refused too", () =>
        Effect.gen(function* () {
          const { provider, server } = yield* setUp()
          const foreign = json(200, { access_token: "eyJ.foreign", expires_at: 1_790_000_000_000 })
          server.nextToken(foreign)
          server.nextToken(foreign)
          const error = yield* Effect.flip(ask(provider, { stream }))
          assert.deepInclude(error, { reason: "provider_rejected_credentials", upstreamStatus: 401 })
          assert.strictEqual(server.tokens().length, 2)
          assert.strictEqual(server.chats().length, 2)
        })
      )

      it.effect("has refusals told in the contract's words", () =>
        Effect.gen(function* () {
          const { provider, server } = yield* setUp()
          assert.strictEqual((yield* Effect.flip(ask(provider, { stream }, "GigaChat-9"))).reason, "model_not_found")
          server.next(json(422, { status: 422, message: "Invalid params: repetition_penalty is out of range" }))
          const rejected = yield* Effect.flip(ask(provider, { stream }))
          assert.strictEqual(rejected.reason, "provider_rejected_request")
          assert.include(rejected.message, "repetition_penalty")
          server.next(json(429, { status: 429, message: "Too many requests" }, { "retry-after": "2" }))
          assert.deepInclude(yield* Effect.flip(ask(provider, { stream })), {
            reason: "provider_rate_limit",
            retryAfterMillis: 2000
          })
          server.next(text(200, "<html><title>Сервис на обслуживании</title></html>", { "content-type": "text/html" }))
          assert.strictEqual((yield* Effect.flip(ask(provider, { stream }))).reason, "provider_invalid_answer")
          server.next(json(200, { status: 500, message: "Internal error" }))
          assert.strictEqual((yield* Effect.flip(ask(provider, { stream }))).reason, "provider_failed")
        })
      )

      it.effect("closes the upstream's connection when the caller leaves", () =>
        Effect.gen(function* () {
          const begin = yield* Latch.make()
          const { provider, server } = yield* setUp()
          server.answer({ begin })
          const asking = yield* Effect.forkChild(ask(provider, { stream }))
          yield* server.take
          const chat = yield* server.take
          yield* Fiber.interrupt(asking)
          yield* chat.abandoned
        })
      )
    })
  }

  it.effect("tells the pieces of a stream as they come, not at its end", () =>
    Effect.gen(function* () {
      const proceed = yield* Latch.make()
      const { provider, server } = yield* setUp()
      server.answer({ proceed, reasoning: "думаю" })
      const { events } = yield* provider.prepare({
        requestId: "req_1",
        model: "GigaChat-2",
        request: { model: "gigachat", messages: [{ role: "user", content: "?" }], stream: true }
      })
      const tags: Array<string> = []
      yield* Stream.runForEach(events, ({ _tag }) => {
        tags.push(_tag)
        return _tag === "ReasoningDelta" ? Effect.asVoid(proceed.open) : Effect.void
      })
      assert.deepStrictEqual(tags, [
        "Started",
        "ReasoningDelta",
        "TextDelta",
        "TextDelta",
        "ChoiceFinished",
        "Finished"
      ])
    })
  )

  for (const cut of ["end", "close"] as const) {
    it.effect(`takes a stream that stops (${cut}) before its finish for a failure, not for an end`, () =>
      Effect.gen(function* () {
        const { provider, server } = yield* setUp()
        server.answer({ cut })
        const events: Array<ChatEvent> = []
        const { events: told } = yield* provider.prepare({
          requestId: "req_1",
          model: "GigaChat-2",
          request: { model: "gigachat", messages: [{ role: "user", content: "?" }], stream: true }
        })
        const error = yield* Effect.flip(Stream.runForEach(told, (event) => Effect.sync(() => events.push(event))))
        assert.strictEqual(error.reason, "provider_failed")
        assert.isTrue(events.every(({ _tag }) => _tag === "Started" || _tag === "TextDelta"))
      })
    )
  }

  it.effect("refuses what it cannot carry before anything is sent", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp()
      const error = yield* Effect.flip(ask(provider, { stop: ["END"] }))
      assert.deepInclude(error, { reason: "unsupported_parameter", param: "stop" })
      assert.lengthOf(server.requests, 0)
    })
  )

  it.effect("lists its models for chats and embeddings and no others, with a token replaced where need be", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp()
      const ids = Effect.map(provider.models, (models) => models.map(({ id }) => id))
      assert.deepStrictEqual(yield* ids, ["GigaChat-2", "GigaChat-2-Pro", "GigaChat-2-Max", "Embeddings"])
      server.expireTokens()
      assert.deepStrictEqual(yield* ids, ["GigaChat-2", "GigaChat-2-Pro", "GigaChat-2-Max", "Embeddings"])
      assert.strictEqual(server.tokens().length, 2)
      assert.deepInclude((yield* provider.models)[0], {
        id: "GigaChat-2",
        ownedBy: "salutedevices",
        created: 0,
        purpose: "chat"
      })
    })
  )

  it.effect("with a ready access token never asks for another, and a refusal of it is final", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp({ accessToken: Redacted.make("eyJ.ready") })
      const error = yield* Effect.flip(ask(provider))
      assert.strictEqual(error.reason, "provider_rejected_credentials")
      assert.lengthOf(server.tokens(), 0)
      assert.deepStrictEqual(
        server.chats().map(({ headers }) => headers.authorization),
        ["Bearer eyJ.ready"]
      )
    })
  )

  it.effect("without a key sends no Authorization: a client certificate says who we are", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp({ credentials: undefined })
      yield* Effect.flip(ask(provider))
      assert.lengthOf(server.tokens(), 0)
      assert.notProperty(server.chats()[0]?.headers, "authorization")
    })
  )

  it.effect("whose scope does not belong to its key fails with what to set, without a call of the API", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp({ scope: "GIGACHAT_API_CORP" })
      const errors = yield* Effect.all(
        Array.from({ length: 10 }, () => Effect.flip(ask(provider))),
        { concurrency: "unbounded" }
      )
      for (const error of errors) {
        assert.strictEqual(error.reason, "provider_rejected_credentials")
        assert.include(error.message, "GIGACHAT_SCOPE")
      }
      assert.lengthOf(server.tokens(), 1)
      assert.lengthOf(server.chats(), 0)
    })
  )

  it.effect("whose token endpoint is away is unavailable until it is back", () =>
    Effect.gen(function* () {
      const port = yield* closedPort
      const { provider } = yield* setUp({ authUrl: `http://127.0.0.1:${port}/api/v2/oauth` })
      const error = yield* Effect.flip(ask(provider))
      assert.deepInclude(error, { code: "provider_error", reason: "provider_unavailable", isRetryable: true })
      assert.notInclude(error.message, String(port))
    })
  )

  it.effect("whose token endpoint fails once fails one request, and serves the next", () =>
    Effect.gen(function* () {
      const { provider, server } = yield* setUp()
      server.nextToken(json(500, {}))
      assert.strictEqual((yield* Effect.flip(ask(provider))).reason, "provider_unavailable")
      assert.strictEqual(textOf(yield* ask(provider)), "Раз, два, три.")
    })
  )
})
