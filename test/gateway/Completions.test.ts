import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { APIError } from "openai"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly key: string
    readonly upstream: OpenAiUpstream.OpenAiUpstream
    readonly complete: (body: unknown) => Effect.Effect<Answer>
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make()
      const gateway = yield* startGateway({
        providers: new Map([
          ["sandbox", { kind: "sandbox" }],
          ...providers({ openai: openAiSettings(upstream.baseUrl) })
        ])
      })
      const key = yield* gateway.makeKey()
      return {
        gateway,
        key,
        upstream,
        complete: (body) => gateway.post("/v1/completions", key, body)
      }
    })
  )
}

layer(Subject.layer, { excludeTestServices: true })("POST /v1/completions", (it) => {
  it.effect("answers the official SDK with the text of every choice", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const completion = yield* Effect.promise(() =>
        gateway
          .openai(key)
          .completions.create({ model: "sandbox/echo", prompt: "One two three four", n: 2, stop: " four" })
      )
      assert.match(completion.id, /^cmpl-[0-9a-f]{32}$/)
      assert.strictEqual(completion.object, "text_completion")
      assert.strictEqual(completion.model, "sandbox/echo")
      assert.deepStrictEqual(
        completion.choices,
        [0, 1].map((index) => ({ text: "One two three", index, logprobs: null, finish_reason: "stop" as const }))
      )
      assert.strictEqual(completion.usage?.total_tokens, 4 + 2 * 3)
    })
  )

  it.effect("streams the text, one finish_reason a choice, the usage where it is wanted, and [DONE]", () =>
    Effect.gen(function* () {
      const { complete, gateway, key } = yield* Subject
      const body = { model: "sandbox/echo", prompt: "One two three four", max_tokens: 3 }
      const chunks = yield* Effect.promise(async () =>
        Array.fromAsync(
          await gateway
            .openai(key)
            .completions.create({ ...body, stream: true, stream_options: { include_usage: true } })
        )
      )
      assert.strictEqual(chunks.map(({ choices }) => choices[0]?.text ?? "").join(""), "One two three")
      assert.isTrue(chunks.every(({ object }) => object === "text_completion"))
      assert.strictEqual(new Set(chunks.map(({ id }) => id)).size, 1)
      const reasons = chunks.flatMap(({ choices }) => choices.map(({ finish_reason }) => finish_reason))
      assert.deepStrictEqual(
        reasons.filter((reason) => reason !== null),
        ["length"]
      )
      assert.deepInclude(chunks.at(-1), { choices: [] })
      assert.strictEqual(chunks.at(-1)?.usage?.completion_tokens, 3)
      assert.isTrue(chunks.slice(0, -1).every(({ usage }) => usage === null))

      const { headers, text } = yield* complete({ ...body, stream: true })
      assert.strictEqual(headers.get("content-type"), "text/event-stream; charset=utf-8")
      assert.isTrue(text.endsWith("\n\ndata: [DONE]\n\n"))
      assert.notInclude(text, '"usage"')
    })
  )

  it.effect("asks a chat model with the prompt as one user message, and the rest as it came", () =>
    Effect.gen(function* () {
      const { complete, upstream } = yield* Subject
      const answer = yield* complete({
        model: "openai/gpt-test",
        prompt: ["Hello there"],
        echo: false,
        best_of: 1,
        suffix: null,
        logprobs: null,
        temperature: 0.5,
        top_k: 7
      })
      assert.strictEqual(answer.json.choices[0].text, "Hello there")
      assert.deepStrictEqual(upstream.requests.findLast(({ method }) => method === "POST")?.body, {
        model: "gpt-test",
        messages: [{ role: "user", content: "Hello there" }],
        temperature: 0.5,
        top_k: 7
      })
    })
  )

  it.effect("ends a stream that broke with the error, and never with [DONE]", () =>
    Effect.gen(function* () {
      const { complete, gateway, key } = yield* Subject
      const { text } = yield* complete({ model: "openai/cut", prompt: "One two three four", stream: true })
      assert.match(text.trimEnd().split("\n\n").at(-1) ?? "", /^data: \{"error":\{"code":"provider_error"/)
      assert.notInclude(text, "[DONE]")
      const error = yield* Effect.promise(async () => {
        try {
          const stream = await gateway
            .openai(key)
            .completions.create({ model: "openai/cut", prompt: "One two three four", stream: true })
          return await Array.fromAsync(stream)
        } catch (error) {
          return error
        }
      })
      assert.instanceOf(error, APIError)
    })
  )

  const refusals: ReadonlyArray<readonly [body: object, param: string, reason: string]> = [
    [{}, "prompt", "invalid_body"],
    [{ prompt: 7 }, "prompt", "invalid_body"],
    [{ prompt: [] }, "prompt", "invalid_body"],
    [{ prompt: ["a", "b"] }, "prompt", "unsupported_parameter"],
    [{ prompt: [1, 2, 3] }, "prompt", "unsupported_parameter"],
    [{ prompt: [[1, 2], [3]] }, "prompt", "unsupported_parameter"],
    [{ prompt: "a", echo: true }, "echo", "unsupported_parameter"],
    [{ prompt: "a", suffix: "b" }, "suffix", "unsupported_parameter"],
    [{ prompt: "a", best_of: 2 }, "best_of", "unsupported_parameter"],
    [{ prompt: "a", logprobs: 0 }, "logprobs", "unsupported_parameter"],
    [{ prompt: "a", messages: [] }, "messages", "unsupported_parameter"],
    [{ prompt: "a", tools: [] }, "tools", "unsupported_parameter"],
    [{ prompt: "a", model: undefined }, "model", "invalid_body"],
    [{ prompt: "a", temperature: 3 }, "temperature", "invalid_body"],
    [{ prompt: "a", max_tokens: 0 }, "max_tokens", "invalid_body"],
    [{ prompt: "a", stream_options: {} }, "stream_options", "invalid_body"]
  ]
  for (const [body, param, reason] of refusals) {
    it.effect(`refuses ${JSON.stringify(body)} and names ${param}`, () =>
      Effect.gen(function* () {
        const { complete } = yield* Subject
        const { json, status } = yield* complete({ model: "sandbox/echo", ...body })
        assert.strictEqual(status, 400)
        assert.strictEqual(json.error.code, "validation_error")
        assert.strictEqual(json.error.param, param)
        assert.strictEqual(json.error.details.reason, reason)
      })
    )
  }

  it.effect("is met by other methods, strangers and unknown models as a chat is", () =>
    Effect.gen(function* () {
      const { complete, gateway } = yield* Subject
      const get = yield* gateway.request("/v1/completions")
      assert.strictEqual(get.status, 405)
      assert.strictEqual(get.headers.get("allow"), "POST, OPTIONS")
      const stranger = yield* gateway.request("/v1/completions", { method: "POST", body: "{}" })
      assert.strictEqual(stranger.status, 401)
      const unknown = yield* complete({ model: "none", prompt: "a" })
      assert.strictEqual(unknown.status, 404)
    })
  )
})
