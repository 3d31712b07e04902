import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { readFileSync } from "node:fs"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { make } from "../../../src/providers/gigachat/GigaChatDialect.ts"
import { sse } from "../../../src/providers/SseFraming.ts"
import { framesIn, heard, type Heard } from "../dialects.ts"
import { callOf } from "./gigaChatCall.ts"

const dialect = make("gigachat")
const weather = { type: "function", function: { name: "mcp.weather/now" } }

const call = (fields: object = { tools: [weather] }) => callOf(fields)

const run = (frames: ReadonlyArray<string>, fields?: object) => heard(dialect, call(fields), frames)

const read = (body: string, fields?: object): Heard =>
  Result.match(dialect.read(call(fields), body), {
    onFailure: (failure) => ({ events: [], failure }),
    onSuccess: (events) => ({ events, failure: undefined })
  })

const stateId = "3f0c2a10-5b7e-4c55-9d1e-0a1b2c3d4e5f"

/** The same answer in one piece and in a stream of two chunks, the call's arguments as this text. */
const answers = (args: string, { name = "mcp_weather_now", state = stateId, reason = "function_call" } = {}) => {
  const said = `"content":"","function_call":{"name":"${name}","arguments":${args}},"functions_state_id":"${state}"`
  return {
    body: `{"choices":[{"message":{"role":"assistant",${said}},"index":0,"finish_reason":"${reason}"}]}`,
    frames: [
      `{"choices":[{"delta":{"role":"assistant",${said}},"index":0}]}`,
      `{"choices":[{"delta":{"content":""},"index":0,"finish_reason":"${reason}"}]}`
    ]
  }
}

const both = (args: string, more: Parameters<typeof answers>[1] = {}, fields?: object): Heard => {
  const { body, frames } = answers(args, more)
  const [whole, stream] = [read(body, fields), run(frames, fields)]
  assert.deepStrictEqual(stream.events, whole.events)
  assert.strictEqual(stream.failure?.reason, whole.failure?.reason)
  return whole
}

const deltas = (id: string, args: string): ReadonlyArray<ChatEvent> => [
  { _tag: "ToolCallDelta", choice: 0, call: 0, id, name: "mcp.weather/now", arguments: "" },
  { _tag: "ToolCallDelta", choice: 0, call: 0, arguments: args }
]

describe("A call in an answer of GigaChat", () => {
  it("is told by the caller's name, with the state id in its id", () => {
    assert.deepStrictEqual(both('{"city":"Тула"}').events, [
      { _tag: "Started", upstreamModel: undefined },
      ...deltas(`call_${stateId}`, '{"city":"Тула"}'),
      { _tag: "ChoiceFinished", choice: 0, reason: "tool_calls" },
      { _tag: "Finished", usage: undefined }
    ])
  })

  it("has an id of its own where GigaChat gives none, or none that is one", () => {
    for (const state of ["", "7"]) {
      assert.deepStrictEqual(both("{}", { state }).events.slice(1, 3), deltas("call_req_1_0_0", "{}"))
    }
  })

  it("has its arguments compact, with letters, numbers and order as they were sent", () => {
    const cases = [
      ['{ "b": 1.0, "a": [12345678901234567890, -0.10, 1E5] }', '{"b":1.0,"a":[12345678901234567890,-0.10,1E5]}'],
      ['{"s":"\\u0422ула 🙂","q":"\\"1.0\\""}', '{"s":"Тула 🙂","q":"\\"1.0\\""}'],
      ["{}", "{}"],
      ["null", "{}"],
      ['"{\\"a\\":1}"', '{"a":1}']
    ] as const
    for (const [sent, told] of cases) {
      assert.deepStrictEqual(both(sent).events.slice(1, 3), deltas(`call_${stateId}`, told))
    }
  })

  it("ends with tool_calls also where GigaChat says stop, but not where it was cut short", () => {
    const reasonOf = (reason: string) =>
      both("{}", { reason }).events.flatMap((event) => (event._tag === "ChoiceFinished" ? event.reason : []))
    assert.deepStrictEqual(reasonOf("stop"), ["tool_calls"])
    assert.deepStrictEqual(reasonOf("length"), ["length"])
  })

  it("is told in OpenAI's older words to who asked in them", () => {
    const { events } = both('{"t":1.0}', { name: "f" }, { functions: [{ name: "f" }] })
    assert.deepStrictEqual(events.slice(1, 3), [
      { _tag: "ChoiceExtra", choice: 0, delta: { function_call: { name: "f", arguments: '{"t":1.0}' } } },
      { _tag: "ChoiceFinished", choice: 0, reason: "function_call" }
    ])
  })

  it("is an invalid answer where it is of a function that was not offered", () => {
    const asked: ReadonlyArray<readonly [name: string, fields: object]> = [
      ["mcp_weather_now", {}],
      ["mcp_weather_now", { tools: [weather], tool_choice: "none" }],
      ["text2image", { tools: [weather] }],
      ["mcp.weather/now", { tools: [weather] }]
    ]
    for (const [name, fields] of asked) {
      assert.deepInclude(both("{}", { name }, fields).failure, {
        reason: "provider_invalid_answer",
        message: "gigachat called a function that was not offered"
      })
    }
  })

  it("is a failure where the model wrote arguments that are none", () => {
    const { failure } = read('{"choices":[{"message":{"role":"assistant","content":""},"finish_reason":"error"}]}')
    assert.strictEqual(failure?.reason, "provider_failed")
  })

  const json = Schema.Struct({
    text: Schema.String,
    number: Schema.Finite,
    list: Schema.Array(Schema.Union([Schema.String, Schema.Int, Schema.Boolean, Schema.Null]))
  })
  it.effect.prop("has the arguments that GigaChat sent, whatever they hold", { args: json }, ({ args }) =>
    Effect.sync(() => {
      const text = JSON.stringify(args)
      assert.deepStrictEqual(both(text).events.slice(1, 3), deltas(`call_${stateId}`, text))
    })
  )
})

describe("A stream of GigaChat that ends in a call", () => {
  const recorded = readFileSync(new URL("golden/stream-call.txt", import.meta.url))

  it("is text, then the call's name, then its arguments, then its end; progress is not told", () => {
    assert.deepStrictEqual(run(framesIn(sse, recorded)), {
      events: [
        { _tag: "Started", upstreamModel: "GigaChat:2.0.28.2" },
        { _tag: "TextDelta", choice: 0, text: "Сейчас " },
        { _tag: "TextDelta", choice: 0, text: "узнаю." },
        ...deltas(`call_${stateId}`, '{"city":"Тула","days":1.0,"id":12345678901234567890}'),
        { _tag: "ChoiceFinished", choice: 0, reason: "tool_calls" },
        { _tag: "Finished", usage: { promptTokens: 16, completionTokens: 7, cachedTokens: 4, reasoningTokens: 0 } }
      ],
      failure: undefined
    })
  })
})
