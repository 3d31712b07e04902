import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type OpenAI from "openai"
import { APIError, BadRequestError } from "openai"
import type { ResponseInput } from "openai/resources/responses/responses"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import * as ScriptedUpstream from "../support/ScriptedUpstream.ts"
import { thrown } from "../support/Thrown.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"

const weather = {
  type: "function" as const,
  name: "weather",
  description: "The weather of a city",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  strict: true
}

const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: "u",
  object: "chat.completion.chunk",
  created: 1,
  model: "u",
  choices: [{ index: 0, delta, finish_reason }]
})

/** A model that thinks aloud, and calls two tools at once. */
const thinker = ScriptedUpstream.sse(
  chunk({ role: "assistant", reasoning_content: "Two cities" }),
  chunk({ content: "Let me see" }),
  chunk({ tool_calls: [{ index: 0, id: "call_t", type: "function", function: { name: "weather", arguments: "" } }] }),
  chunk({ tool_calls: [{ index: 1, id: "call_o", type: "function", function: { name: "weather", arguments: "" } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":"Тула"}' } }] }),
  chunk({ tool_calls: [{ index: 1, function: { arguments: '{"city":"Омск"}' } }] }),
  chunk({}, "tool_calls"),
  "[DONE]"
)

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly openai: OpenAI
    readonly upstream: OpenAiUpstream.OpenAiUpstream
    readonly scripted: ScriptedUpstream.ScriptedUpstream
    readonly respond: (body: unknown) => Effect.Effect<Answer>
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make()
      const scripted = yield* ScriptedUpstream.make(({ path }) =>
        path.endsWith("/models") ? ScriptedUpstream.json(200, { object: "list", data: [] }) : thinker
      )
      const gateway = yield* startGateway({
        providers: new Map([
          ["sandbox", { kind: "sandbox" }],
          ...providers({ openai: openAiSettings(upstream.baseUrl), thinker: openAiSettings(`${scripted.url}/v1`) })
        ])
      })
      const key = yield* gateway.makeKey()
      return {
        gateway,
        openai: gateway.openai(key),
        upstream,
        scripted,
        respond: (body) => gateway.post("/v1/responses", key, body)
      }
    })
  )
}

layer(Subject.layer, { excludeTestServices: true })("POST /v1/responses", (it) => {
  it.effect("answers the official SDK, with the request told back and the usage", () =>
    Effect.gen(function* () {
      const { openai } = yield* Subject
      const response = yield* Effect.promise(() =>
        openai.responses.create({
          model: "sandbox/echo",
          instructions: "Repeat",
          input: "One two three",
          metadata: { a: "b" },
          store: false
        })
      )
      assert.match(response.id, /^resp_[0-9a-f]{32}$/)
      assert.deepInclude(response, {
        object: "response",
        status: "completed",
        model: "sandbox/echo",
        output_text: "One two three",
        instructions: "Repeat",
        metadata: { a: "b" },
        error: null,
        incomplete_details: null
      })
      assert.deepStrictEqual<unknown>(response.usage, {
        input_tokens: 4,
        input_tokens_details: { cached_tokens: 0 },
        output_tokens: 3,
        output_tokens_details: { reasoning_tokens: 0 },
        total_tokens: 7
      })
    })
  )

  it.effect("runs the SDK's .stream() to the final response", () =>
    Effect.gen(function* () {
      const { openai } = yield* Subject
      const pieces: Array<string> = []
      const final = yield* Effect.promise(() =>
        openai.responses
          .stream({ model: "sandbox/echo", input: "One two three" })
          .on("response.output_text.delta", ({ delta }) => pieces.push(delta))
          .finalResponse()
      )
      assert.isAbove(pieces.length, 1)
      assert.strictEqual(pieces.join(""), "One two three")
      assert.strictEqual(final.output_text, "One two three")
      assert.strictEqual(final.status, "completed")
    })
  )

  it.effect("is a stream of named events with no [DONE]", () =>
    Effect.gen(function* () {
      const { respond } = yield* Subject
      const { headers, text } = yield* respond({ model: "sandbox/echo", input: "One", stream: true })
      assert.strictEqual(headers.get("content-type"), "text/event-stream; charset=utf-8")
      assert.strictEqual(headers.get("x-xrouter-provider"), "sandbox")
      assert.isTrue(text.startsWith("event: response.created\ndata: {"))
      assert.match(text.trimEnd().split("\n\n").at(-1) ?? "", /^event: response\.completed\n/)
      assert.notInclude(text, "[DONE]")
    })
  )

  for (const isStreamed of [false, true]) {
    it.effect(`lets a client run its own tools and give their results back, ${isStreamed ? "streamed" : "whole"}`, () =>
      Effect.gen(function* () {
        const { openai } = yield* Subject
        const ask = (input: ResponseInput) => {
          const params = { model: "sandbox/tools", input, tools: [weather] }
          return Effect.promise(() =>
            isStreamed ? openai.responses.stream(params).finalResponse() : openai.responses.create(params)
          )
        }
        const input: ResponseInput = [{ role: "user", content: "Tula" }]
        const first = yield* ask(input)
        const [call] = first.output
        if (call?.type !== "function_call") return assert.fail("No function was called")
        assert.deepInclude(call, { name: "weather", arguments: '{"city":"Tula"}', status: "completed" })
        input.push(call, { type: "function_call_output", call_id: call.call_id, output: "rain" })
        const second = yield* ask(input)
        assert.strictEqual(second.output_text, "The tool answered: rain")
      })
    )
  }

  it.effect("streams thoughts, text and two calls of a model, and asks the upstream in a chat's words", () =>
    Effect.gen(function* () {
      const { openai, scripted } = yield* Subject
      const final = yield* Effect.promise(() =>
        openai.responses
          .stream({
            model: "thinker/m",
            instructions: "Use tools",
            input: "Weather in Tula and Omsk",
            tools: [weather, { type: "web_search" }],
            max_output_tokens: 100
          })
          .finalResponse()
      )
      assert.deepStrictEqual(
        final.output.map((item) => item.type),
        ["reasoning", "message", "function_call", "function_call"]
      )
      assert.deepStrictEqual(
        final.output.flatMap((item) => (item.type === "function_call" ? [[item.call_id, item.arguments]] : [])),
        [
          ["call_t", '{"city":"Тула"}'],
          ["call_o", '{"city":"Омск"}']
        ]
      )
      assert.strictEqual(final.output_text, "Let me see")
      const { type, ...definition } = weather
      assert.deepStrictEqual(scripted.requests.findLast(({ method }) => method === "POST")?.body, {
        model: "m",
        stream: true,
        messages: [
          { role: "system", content: "Use tools" },
          { role: "user", content: "Weather in Tula and Omsk" }
        ],
        tools: [{ type, function: definition }],
        max_completion_tokens: 100,
        stream_options: { include_usage: true }
      })
    })
  )

  it.effect("names in a header what it left out", () =>
    Effect.gen(function* () {
      const { respond } = yield* Subject
      const { headers, status } = yield* respond({
        model: "sandbox/echo",
        input: "a",
        temperature: 0.3,
        tools: [{ type: "web_search" }]
      })
      assert.strictEqual(status, 200)
      assert.strictEqual(headers.get("x-xrouter-dropped-params"), "tools.web_search,temperature")
    })
  )

  it.effect("is incomplete where the tokens did not suffice", () =>
    Effect.gen(function* () {
      const { openai, respond } = yield* Subject
      const params = { model: "sandbox/story", input: "a", max_output_tokens: 3 }
      const response = yield* Effect.promise(() => openai.responses.create(params))
      assert.strictEqual(response.status, "incomplete")
      assert.deepStrictEqual(response.incomplete_details, { reason: "max_output_tokens" })
      const { text } = yield* respond({ ...params, stream: true })
      assert.match(text.trimEnd().split("\n\n").at(-1) ?? "", /^event: response\.incomplete\n/)
    })
  )

  it.effect("ends a stream that broke with the failure, and never completed", () =>
    Effect.gen(function* () {
      const { openai, respond } = yield* Subject
      const params = { model: "openai/cut", input: "One two three four", stream: true } as const
      const { text } = yield* respond(params)
      const names = Array.from(text.matchAll(/^event: (.+)$/gm), ([, name]) => name)
      assert.deepStrictEqual(names.slice(-2), ["error", "response.failed"])
      assert.include(names, "response.output_text.delta")
      assert.notInclude(text, "response.completed")
      assert.notInclude(text, "[DONE]")
      const error = yield* thrown(async () => Array.fromAsync(await openai.responses.create(params)))
      assert.instanceOf(error, APIError)
      assert.strictEqual(error.code, "provider_error")
    })
  )

  it.effect("tells in its own words what it, or a provider, refuses", () =>
    Effect.gen(function* () {
      const { openai, respond } = yield* Subject
      const stateful = yield* thrown(() =>
        openai.responses.create({ model: "sandbox/echo", input: "a", previous_response_id: "resp_1" })
      )
      assert.instanceOf(stateful, BadRequestError)
      assert.strictEqual(stateful.param, "previous_response_id")

      const form = yield* respond({
        model: "sandbox/echo",
        input: "a",
        text: { format: { type: "json_object" } }
      })
      assert.strictEqual(form.status, 400)
      assert.strictEqual(form.json.error.param, "text.format")
      assert.notInclude(form.json.error.message, "response_format")
      assert.strictEqual(form.headers.get("x-should-retry"), null)
    })
  )

  it.effect("is met by other methods, strangers and unknown models as a chat is", () =>
    Effect.gen(function* () {
      const { gateway, respond } = yield* Subject
      const get = yield* gateway.request("/v1/responses")
      assert.strictEqual(get.status, 405)
      const stranger = yield* gateway.request("/v1/responses", { method: "POST", body: "{}" })
      assert.strictEqual(stranger.status, 401)
      const unknown = yield* respond({ model: "none", input: "a" })
      assert.strictEqual(unknown.status, 404)
      assert.strictEqual(unknown.json.error.details.reason, "model_not_found")
    })
  )
})
