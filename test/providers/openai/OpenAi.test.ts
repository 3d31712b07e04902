import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Stream } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import type { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import * as OpenAi from "../../../src/providers/openai/OpenAi.ts"
import type { Provider } from "../../../src/providers/Provider.ts"
import * as OpenAiUpstream from "../../support/OpenAiUpstream.ts"
import * as Scripted from "../../support/ScriptedUpstream.ts"

const key = "sk-test-0123456789abcdef"
const timeouts = { connect: Duration.seconds(5), idle: Duration.seconds(60) }

const provider = (baseUrl: string, apiKey: string | undefined = key) =>
  OpenAi.make(
    "cloudru",
    {
      kind: "openai",
      baseUrl,
      apiKey: apiKey === undefined ? undefined : Redacted.make(apiKey),
      caBundleFile: undefined,
      concurrency: undefined
    },
    timeouts
  )

const ask = (provider: Provider, model: string, more: Partial<ChatRequest> = {}) =>
  Stream.unwrap(
    Effect.map(
      provider.prepare({
        requestId: "req_1",
        model,
        request: { model: `cloudru/${model}`, messages: [{ role: "user", content: "один два три" }], ...more }
      }),
      (prepared) => prepared.events
    )
  ).pipe(Stream.runCollect)

const text = (events: ReadonlyArray<ChatEvent>) =>
  events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")

const weather = {
  tools: [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }],
  tool_choice: "required"
} as const

describe("An OpenAI-compatible provider", () => {
  for (const stream of [false, true]) {
    it.effect(`gives text, its end and its usage, ${stream ? "as a stream" : "at once"}`, () =>
      Effect.gen(function* () {
        const upstream = yield* OpenAiUpstream.make({ key })
        const events = yield* ask(yield* provider(upstream.baseUrl), "gpt-test", { stream })
        assert.deepStrictEqual(events[0], {
          _tag: "Started",
          upstreamModel: "gpt-test-2026-01-01",
          extra: { service_tier: "default", system_fingerprint: "fp_0123456789" }
        })
        assert.strictEqual(text(events), "один два три")
        assert.strictEqual(events.filter((event) => event._tag === "TextDelta").length, stream ? 3 : 1)
        assert.deepStrictEqual(events.slice(-2), [
          { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
          {
            _tag: "Finished",
            usage: { promptTokens: 9, completionTokens: 3, cachedTokens: 4, reasoningTokens: 0 }
          }
        ])
      })
    )

    it.effect(`gives tool calls, ${stream ? "as a stream" : "at once"}`, () =>
      Effect.gen(function* () {
        const upstream = yield* OpenAiUpstream.make({ key })
        const events = yield* ask(yield* provider(upstream.baseUrl), "gpt-test", { stream, ...weather })
        const calls = events.filter((event) => event._tag === "ToolCallDelta")
        assert.deepInclude(calls[0], { call: 0, id: "call_1", name: "weather" })
        assert.strictEqual(calls.map((call) => call.arguments).join(""), '{"city":"Тула"}')
        assert.deepInclude(events, { _tag: "ChoiceFinished", choice: 0, reason: "tool_calls" })
      })
    )

    for (const [what, model, tag, reason] of [
      ["that the upstream does not have", "gpt-none", "ValidationError", "model_not_found"],
      ["that is limited", "limited", "RateLimitError", "provider_rate_limit"],
      ["that is broken", "broken", "ProviderError", "provider_failed"]
    ] as const) {
      it.effect(`fails with ${reason} for a model ${what}, ${stream ? "as a stream" : "at once"}`, () =>
        Effect.gen(function* () {
          const upstream = yield* OpenAiUpstream.make({ key })
          const failure = yield* Effect.flip(ask(yield* provider(upstream.baseUrl), model, { stream }))
          assert.strictEqual(failure._tag, tag)
          assert.strictEqual(failure.reason, reason)
          if (failure._tag === "RateLimitError") {
            assert.strictEqual(failure.retryAfterMillis, 1500)
            assert.strictEqual(
              failure.message,
              "cloudru limits the rate of requests: Rate limit reached for limited in organization ***"
            )
          }
        })
      )
    }
  }

  it.effect("fails in the middle of a stream that is cut, after what it told", () =>
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make({ key })
      const failure = yield* Effect.flip(ask(yield* provider(upstream.baseUrl), "cut", { stream: true }))
      assert.strictEqual(failure.reason, "provider_failed")
    })
  )

  it.effect("says what the upstream found wrong with the request, and where", () =>
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make({ key })
      const failure = yield* Effect.flip(ask(yield* provider(upstream.baseUrl), "gpt-test", { temperature: 3 }))
      assert.isTrue(failure._tag === "ValidationError" && failure.param === "temperature")
      assert.strictEqual(
        failure.message,
        "cloudru rejected the request: Invalid 'temperature': decimal above maximum value."
      )
    })
  )

  it.effect("never tells its key, though the upstream quotes it", () =>
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make({ key })
      const strange = "my own kind of key!"
      const failure = yield* Effect.flip(ask(yield* provider(upstream.baseUrl, strange), "gpt-test"))
      assert.strictEqual(failure.reason, "provider_rejected_credentials")
      assert.notInclude(JSON.stringify(failure), strange)
      assert.isTrue(failure._tag === "ProviderError" && failure.upstreamMessage?.includes("***"))
    })
  )

  it.effect("sends no authorization where it has no key", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.json(200, [])])
      const open = yield* OpenAi.make(
        "ollama",
        { kind: "openai", baseUrl: server.url, apiKey: undefined, caBundleFile: undefined, concurrency: undefined },
        timeouts
      )
      assert.deepStrictEqual(yield* open.models, [])
      assert.notProperty(server.requests[0]?.headers, "authorization")
    })
  )

  it.effect("lists the upstream's models, also where they say little of themselves", () =>
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make({ key })
      const models = yield* (yield* provider(upstream.baseUrl)).models
      assert.deepStrictEqual(models[0], { id: "gpt-test", ownedBy: "upstream", created: 1_700_000_000 })
      assert.strictEqual(models.length, OpenAiUpstream.models.length)
      const terse = yield* Scripted.make([
        Scripted.json(200, { data: [{ id: "zai-org/GLM-4.7" }, { id: "" }, { name: "no id" }, 7] })
      ])
      assert.deepStrictEqual(yield* (yield* provider(terse.url)).models, [
        { id: "zai-org/GLM-4.7", ownedBy: "cloudru", created: 0 }
      ])
    })
  )

  it.effect("says that a list of models is none", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([
        Scripted.text(200, "<html><title>Welcome</title>"),
        Scripted.json(404, { detail: "Not Found" })
      ])
      const { models } = yield* provider(server.url)
      const page = yield* Effect.flip(models)
      assert.strictEqual(page.reason, "provider_invalid_answer")
      assert.isTrue(page._tag === "ProviderError" && page.upstreamMessage === 'a page of HTML, "Welcome"')
      const missing = yield* Effect.flip(models)
      assert.strictEqual(missing.message, "cloudru has no such endpoint; its base URL may be wrong")
    })
  )
})
