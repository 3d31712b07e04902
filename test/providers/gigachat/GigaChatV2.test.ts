import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { readFileSync } from "node:fs"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import * as GigaChatDialect from "../../../src/providers/gigachat/GigaChatDialect.ts"
import * as GigaChatV2 from "../../../src/providers/gigachat/GigaChatV2.ts"
import type { ChatCall } from "../../../src/providers/Provider.ts"
import { sse } from "../../../src/providers/SseFraming.ts"
import { fault, violationsOf } from "../../support/GigaChatRules.ts"
import { asV1 } from "../../support/GigaChatV2.ts"
import { framesIn, heard } from "../dialects.ts"
import { callOf } from "./gigaChatCall.ts"
import conversation from "./golden/conversation.json" with { type: "json" }
import tools from "./golden/tools.json" with { type: "json" }
import golden from "./golden/v2.json" with { type: "json" }

const v1 = GigaChatDialect.make("gigachat")
const v2 = GigaChatV2.make(v1)
const weather = { type: "function", function: { name: "mcp.weather/now" } }

const call = (fields: object = { tools: [weather] }, model = "GigaChat-3-Ultra") => callOf(fields, model)

const wire = (dialect: typeof v1, asked: ChatCall) => {
  const lowered = Result.getOrThrow(dialect.lower(asked))
  return { ...lowered, body: JSON.parse(JSON.stringify(lowered.body)) }
}

describe("A request to GigaChat v2", () => {
  it("is lowered as a reader of the API would write it", () => {
    const { body, dropped, headers } = wire(v2, call(golden.openai))
    assert.deepStrictEqual(body, golden.gigachat)
    assert.deepStrictEqual(dropped, golden.dropped)
    assert.deepStrictEqual(headers, { "X-Request-ID": "req_1" })
  })

  for (const { name, example } of [
    { name: "a conversation", example: conversation },
    { name: "tools", example: tools }
  ]) {
    it(`means what v1's means: ${name}`, () => {
      const body = asV1(wire(v2, call(example.openai, "GigaChat-2-Max")).body)
      assert.deepStrictEqual(body, example.gigachat)
    })
  }

  it("points to files beside its text, or in its place", () => {
    const image = (text: string) => ({
      messages: [
        {
          role: "user",
          content: [
            { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } },
            ...(text === "" ? [] : [{ type: "text", text }])
          ]
        }
      ]
    })
    for (const [text, parts] of [
      ["Что это?", [{ text: "Что это?" }, { files: [{ id: "file-1" }] }]],
      ["", [{ files: [{ id: "file-1" }] }]]
    ] as const) {
      const { uploads } = Result.getOrThrow(v2.lower(call(image(text), "GigaChat-2-Max")))
      const body: unknown = JSON.parse(JSON.stringify(uploads?.body(["file-1"])))
      assert.deepInclude(body, { messages: [{ role: "user", content: parts }] })
    }
  })

  it("is refused for what v1 is refused for", () => {
    assert.deepStrictEqual(
      Result.map(v2.lower(call({ audio: {} })), () => "lowered"),
      Result.map(v1.lower(call({ audio: {} })), () => "lowered")
    )
  })

  const Text = Schema.Literals(["", "Тула", "21 °C", '{"t": 1.0}', "[1, 2]", "12345678901234567890", "null"])
  it.effect.prop(
    "loses nothing of v1's, whatever is said, called and answered",
    {
      turns: Schema.Array(Schema.Struct({ said: Text, args: Schema.Record(Schema.String, Text), result: Text })),
      isForced: Schema.Boolean
    },
    ({ isForced, turns }) =>
      Effect.sync(() => {
        const messages = turns.flatMap(({ args, result, said }, at) => [
          { role: "user", content: "Погода?" },
          {
            role: "assistant",
            content: said,
            tool_calls: [
              { id: `call_${at}`, type: "function", function: { name: "f", arguments: JSON.stringify(args) } }
            ]
          },
          { role: "tool", tool_call_id: `call_${at}`, content: result }
        ])
        const asked = call({
          messages: [...messages, { role: "user", content: "А завтра?" }],
          tools: [{ type: "function", function: { name: "f" } }],
          ...(isForced ? { tool_choice: "required" } : {})
        })
        const body = asV1(wire(v2, asked).body)
        const own = wire(v1, asked).body
        assert.deepStrictEqual(resultsRead(body), resultsRead(own))
        assert.isUndefined(fault(body, ["GigaChat-3-Ultra"]))
        assert.deepStrictEqual(violationsOf(body), [])
      })
  )

  it("has results whose numbers stand as they stood", () => {
    const lowered = Result.getOrThrow(
      v2.lower(
        call({
          messages: [
            { role: "user", content: "Погода?" },
            { role: "assistant", tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "" } }] },
            { role: "tool", tool_call_id: "a", content: '[{"id":12345678901234567890,"t":1.0}]' }
          ]
        })
      )
    )
    assert.include(JSON.stringify(lowered.body), '"result":[{"id":12345678901234567890,"t":1.0}]')
  })
})

/** Results are JSON, of which the text does not count. */
const resultsRead = (body: unknown): unknown =>
  JSON.parse(JSON.stringify(body), (key, value) => (key === "content" ? readIfJson(value) : value))

const readIfJson = (value: unknown): unknown =>
  Result.getOrElse(
    Result.try((): unknown => JSON.parse(String(value))),
    () => value
  )

const png = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex").toString("base64")

describe("An answer of GigaChat v2", () => {
  const run = (frames: ReadonlyArray<string>, fields?: object) => heard(v2, call(fields), frames)

  const id = "call_019e8373-dc9a-7883-af60-ebb20b79e1e1"
  const told: ReadonlyArray<ChatEvent> = [
    { _tag: "Started", upstreamModel: "GigaChat-3-Ultra:32.3.18.5" },
    { _tag: "ReasoningDelta", choice: 0, text: "Нужна погода." },
    { _tag: "TextDelta", choice: 0, text: "Сейчас узнаю." },
    { _tag: "ToolCallDelta", choice: 0, call: 0, id, name: "mcp.weather/now", arguments: "" },
    { _tag: "ToolCallDelta", choice: 0, call: 0, arguments: '{"city":"Тула","days":1.0,"id":12345678901234567890}' },
    { _tag: "ChoiceFinished", choice: 0, reason: "tool_calls" },
    {
      _tag: "Finished",
      usage: { promptTokens: 3963, completionTokens: 25, cachedTokens: 3710, reasoningTokens: 0 }
    }
  ]

  it("is read from a stream of named events, the last of which is its end", () => {
    const recorded = readFileSync(new URL("golden/v2-stream-call.txt", import.meta.url))
    assert.deepStrictEqual(run(framesIn(sse, recorded)), { events: told, failure: undefined })
  })

  it("is read in one piece, wherever a call and a state stand in it", () => {
    const called = `{"name":"mcp_weather_now","arguments":{"city": "Тула", "days": 1.0, "id": 12345678901234567890}}`
    const state = `"019e8373-dc9a-7883-af60-ebb20b79e1e1"`
    const reasoning = `{"role":"assistant","reasoning":{"text":"Нужна погода."}}`
    const usage = `{"input_tokens":3963,"input_tokens_details":{"cached_tokens":3710},"output_tokens":25}`
    const head = `"model":"GigaChat-3-Ultra:32.3.18.5","usage":${usage}`
    for (const body of [
      `{${head},"finish_reason":"function_call","messages":[${reasoning},{"role":"assistant","tool_state_id":${state},"content":[{"text":"Сейчас "},{"text":"узнаю."},{"function_call":${called}}]}]}`,
      `{${head},"messages":[${reasoning},{"role":"assistant","content":[{"text":"Сейчас узнаю."}]},{"role":"assistant","tools_state_id":${state},"function_call":${called},"finish_reason":"function_call"}]}`
    ]) {
      assert.deepStrictEqual(Result.getOrThrow(v2.read(call(), body)), told)
    }
  })

  const text = (content: string) => `{"messages":[{"role":"assistant","content":[{"text":"${content}"}]}]}`

  it("says nothing of tools at work, and of its censor what it said", () => {
    const tool = '{"messages":[{"role":"tool","content":[{"tool_execution":{"name":"web_search"}}]}]}'
    const { events } = run([tool, text("Давайте сменим тему."), '{"finish_reason":"blacklist"}'])
    assert.deepStrictEqual(events, [
      { _tag: "Started", upstreamModel: undefined },
      { _tag: "TextDelta", choice: 0, text: "Давайте сменим тему." },
      { _tag: "ChoiceFinished", choice: 0, reason: "content_filter" },
      { _tag: "Finished", usage: undefined }
    ])
  })

  it("that ends before its end, or with a refusal, is a failure after what was said", () => {
    const cut = run([text("Раз")])
    assert.deepStrictEqual([cut.events.length, cut.failure?.reason], [2, "provider_failed"])
    for (const [refusal, reason] of [
      ['{"status":503,"message":"overloaded"}', "provider_unavailable"],
      ['{"finish_reason":"error"}', "provider_failed"]
    ] as const) {
      const { events, failure } = run([text("Раз"), refusal])
      assert.strictEqual(events.length, 2)
      assert.deepInclude(failure, { _tag: "ProviderError", reason })
    }
    const read = (body: string) => Result.getOrThrow(Result.flip(v2.read(call(), body)))
    assert.deepInclude(read('{"status":422,"message":"Invalid params"}'), { reason: "provider_rejected_request" })
    assert.deepInclude(read("<html>"), { reason: "provider_invalid_answer" })
    assert.deepInclude(read('{"model":"GigaChat-3-Ultra"}'), { reason: "provider_invalid_answer" })
    assert.deepInclude(read(text("Раз")), { reason: "provider_failed" })
  })

  it("that calls several functions has each by an id of its own", () => {
    const part = '{"function_call":{"name":"mcp_weather_now","arguments":{}}}'
    const { events } = run([
      `{"messages":[{"role":"assistant","content":[${part},${part}]}]}`,
      '{"finish_reason":"function_call"}'
    ])
    const ids = events.flatMap((event) => (event._tag === "ToolCallDelta" && event.id ? [event.id] : []))
    assert.deepStrictEqual(ids, ["call_req_1_0_0", "call_req_1_0_1"])
  })
})
