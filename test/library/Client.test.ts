import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { AnswerCutOff, AuthError, ProviderError, ValidationError, XRouterClient } from "../../src/client.ts"
import { startGateway } from "../support/Gateway.ts"
import { close, frame, json, make as makeUpstream, sse, sseHead, steps } from "../support/ScriptedUpstream.ts"

const hello = { model: "sandbox/echo", messages: [{ role: "user", content: "Hello there" }] } as const

describe("the typed client", () => {
  it.live("speaks to every part of a gateway, and gets its own errors back", () =>
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      const baseUrl = gateway.url
      const layerOf = (apiKey: string) =>
        XRouterClient.layer({
          baseUrl,
          apiKey: Redacted.make(apiKey),
          adminKey: Redacted.make(gateway.adminKey)
        })
      const withKey = <A, E, R>(apiKey: string, effect: Effect.Effect<A, E, R | XRouterClient>) =>
        Effect.provide(effect, layerOf(apiKey))

      yield* withKey(
        yield* gateway.makeKey(),
        Effect.gen(function* () {
          const client = yield* XRouterClient
          const { data } = yield* client.models.listModels({ query: {} })
          assert.include(
            data.map(({ id }) => id),
            "sandbox/echo"
          )
          assert.lengthOf((yield* client.admin.listUsers({ query: {} })).data, 1)

          const answer = yield* client.chat.createChatCompletion({ payload: hello })
          assert.isObject(answer)

          const chunks = yield* Stream.runCollect(
            client.streamChat({ ...hello, stream_options: { include_usage: true } })
          )
          const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")
          assert.strictEqual(text, "Hello there")
          assert.isAbove(chunks.at(-1)?.usage?.completion_tokens ?? 0, 0)

          const refused = yield* Effect.flip(Stream.runDrain(client.streamChat({ ...hello, model: "sandbox/nobody" })))
          assert.instanceOf(refused, ValidationError)
          assert.strictEqual(refused.reason, "model_not_found")
          const typed = yield* Effect.flip(
            client.chat.createChatCompletion({ payload: { ...hello, model: "nowhere/nobody" } })
          )
          assert.instanceOf(typed, ValidationError)
        })
      )
      const stranger = yield* withKey(
        "xr-free-nobody",
        Effect.flatMap(XRouterClient, (client) => Effect.flip(Stream.runDrain(client.streamChat(hello))))
      )
      assert.instanceOf(stranger, AuthError)
      assert.strictEqual(stranger.reason, "invalid_api_key")
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )

  it.live("tells how a stream ended that did not come to its end", () =>
    Effect.gen(function* () {
      const chunk = (content: string) => ({
        id: "chatcmpl-1",
        object: "chat.completion.chunk",
        created: 1,
        model: "sandbox/echo",
        system_fingerprint: "what nobody knows is left out",
        choices: [{ index: 0, delta: { content }, finish_reason: null }]
      })
      const failure = {
        error: {
          code: "provider_error",
          type: "server_error",
          message: "It broke",
          param: null,
          details: { reason: "provider_failed", request_id: "req_1", provider: "gigachat" }
        }
      }
      const upstream = yield* makeUpstream([
        steps(sseHead, frame(chunk("One")), close),
        sse(chunk("One"), failure),
        sse(chunk("One")),
        json(502, failure),
        sse(chunk("One"), "[DONE]")
      ])
      const client = yield* XRouterClient.make({ baseUrl: `${upstream.url}/below`, apiKey: Redacted.make("key") })
      const seen: Array<string> = []
      const ask = client.streamChat(hello).pipe(
        Stream.tap(({ choices }) => Effect.sync(() => seen.push(choices[0]?.delta.content ?? ""))),
        Stream.runDrain
      )
      assert.strictEqual((yield* Effect.flip(ask))._tag, "HttpClientError")
      const told = yield* Effect.flip(ask)
      assert.instanceOf(told, ProviderError)
      assert.deepInclude(told, { reason: "provider_failed", provider: "gigachat", message: "It broke" })
      assert.instanceOf(yield* Effect.flip(ask), AnswerCutOff)
      assert.instanceOf(yield* Effect.flip(ask), ProviderError)
      yield* ask
      assert.deepStrictEqual(seen, ["One", "One", "One", "One"])
      assert.deepStrictEqual(upstream.requests.map(({ headers, path }) => [path, headers.authorization])[0], [
        "/below/v1/chat/completions",
        "Bearer key"
      ])
    }).pipe(Effect.scoped, Effect.provide(FetchHttpClient.layer))
  )

  it.effect("takes address and keys from the configuration", () =>
    Effect.gen(function* () {
      const upstream = yield* makeUpstream([json(200, { object: "list", data: [] })])
      const env = { XROUTER_URL: upstream.url, XROUTER_API_KEY: "xr-key" }
      yield* Effect.flatMap(XRouterClient, (client) => client.models.listModels({ query: {} })).pipe(
        Effect.provide(XRouterClient.layerConfig),
        Effect.provide([ConfigProvider.layer(ConfigProvider.fromEnv({ env })), FetchHttpClient.layer])
      )
      assert.strictEqual(upstream.requests[0]?.headers.authorization, "Bearer xr-key")
    }).pipe(Effect.scoped)
  )
})
