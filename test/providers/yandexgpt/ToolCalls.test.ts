import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { isJsonObject } from "../../../src/domain/Json.ts"
import type { ChatEvent, ToolCallDelta } from "../../../src/domain/ChatEvent.ts"
import * as YandexDialect from "../../../src/providers/yandexgpt/YandexDialect.ts"
import * as Yandex from "../../support/YandexUpstream.ts"
import { toldOf } from "../dialects.ts"
import { ask, call, provider } from "./Calls.ts"

const dialect = YandexDialect.make({ provider: "yandexgpt", folderId: "b1gfolder", secrets: [] })
const tools = ["weather", "now"].map((name) => ({ type: "function", function: { name } }))

const lowered = (messages: ReadonlyArray<unknown>) =>
  Result.getOrThrow(dialect.lower(call({ messages, tools }))).body["messages"]
const refused = (fields: object) => {
  const { reason, param } = Result.getOrThrow(Result.flip(dialect.lower(call(fields))))
  return [reason, param]
}

const hi = { role: "user", content: "Привет" }
const toolCall = (id: string, name = "weather", text = "{}") => ({
  id,
  type: "function",
  function: { name, arguments: text }
})
const calls = (...tool_calls: ReadonlyArray<unknown>) => ({ role: "assistant", content: null, tool_calls })
const result = (tool_call_id: string, content = "21") => ({ role: "tool", tool_call_id, content })

const told = (frames: ReadonlyArray<unknown>, fields: object = { tools }) =>
  toldOf(dialect, call({ stream: true, ...fields }), frames)
const events = (frames: ReadonlyArray<unknown>) => Result.getOrThrow(told(frames))
const deltasOf = (all: ReadonlyArray<ChatEvent>) =>
  all.filter((event): event is ToolCallDelta => event._tag === "ToolCallDelta")
const said = (all: ReadonlyArray<ChatEvent>) =>
  deltasOf(all).map(({ call, name, arguments: text }) => [call, name, text])
const reasons = (all: ReadonlyArray<ChatEvent>) =>
  all.flatMap((event) => (event._tag === "ChoiceFinished" ? [event.reason] : []))

describe("calls in the history", () => {
  it("that have one id are answered by their order", () => {
    const messages = lowered([
      hi,
      calls(toolCall("weather", "weather", '{"city":"Тула"}'), toolCall("weather", "weather", '{"city":"Тверь"}')),
      result("weather", "21"),
      result("weather", "18")
    ])
    assert.deepStrictEqual(Array.isArray(messages) ? messages.at(-1) : undefined, {
      role: "user",
      toolResultList: {
        toolResults: [
          { functionResult: { name: "weather", content: "21" } },
          { functionResult: { name: "weather", content: "18" } }
        ]
      }
    })
  })

  it("of turns that use the same ids again are those of the last turn", () => {
    const messages = lowered([
      hi,
      calls(toolCall("call_0", "weather")),
      result("call_0"),
      calls(toolCall("call_0", "now")),
      result("call_0", "10:00")
    ])
    assert.deepStrictEqual(Array.isArray(messages) ? messages.at(-1) : undefined, {
      role: "user",
      toolResultList: { toolResults: [{ functionResult: { name: "now", content: "10:00" } }] }
    })
  })

  it("that stand in messages of their own, one after the other, are answered together", () => {
    const messages = lowered([hi, calls(toolCall("a")), calls(toolCall("b", "now")), result("b", "10"), result("a")])
    assert.deepStrictEqual(Array.isArray(messages) ? messages.at(-1) : undefined, {
      role: "user",
      toolResultList: {
        toolResults: [
          { functionResult: { name: "weather", content: "21" } },
          { functionResult: { name: "now", content: "10" } }
        ]
      }
    })
  })

  it("without arguments have none, and keep those that they have", () => {
    const argumentsOf = (text: string) => {
      const body = lowered([hi, calls(toolCall("a", "weather", text))])
      const list = Array.isArray(body) && isJsonObject(body[1]) ? body[1]["toolCallList"] : undefined
      return JSON.stringify(list)
    }
    const expected = (text: string) => `{"toolCalls":[{"functionCall":{"name":"weather","arguments":${text}}}]}`
    assert.strictEqual(argumentsOf(""), expected("{}"))
    assert.strictEqual(argumentsOf(" \n"), expected("{}"))
    assert.strictEqual(argumentsOf('{ "б": [1, null],\n "а": "x" }'), expected('{"б":[1,null],"а":"x"}'))
  })

  const faults: ReadonlyArray<readonly [what: string, messages: ReadonlyArray<unknown>, param: string]> = [
    [
      "arguments that are no JSON",
      [hi, calls(toolCall("a"), toolCall("b", "now", "{bad"))],
      "messages[1].tool_calls[1].function.arguments"
    ],
    [
      "arguments that are no object",
      [hi, calls(toolCall("a", "weather", "[1]"))],
      "messages[1].tool_calls[0].function.arguments"
    ],
    ["a call without its function", [hi, calls({ id: "a", type: "function" })], "messages[1].tool_calls[0].function"],
    ["a result of no call", [hi, result("a")], "messages[1].tool_call_id"],
    ["a result of another call", [hi, calls(toolCall("a")), result("b")], "messages[2].tool_call_id"],
    ["a second result of a call", [hi, calls(toolCall("a")), result("a"), result("a")], "messages[3].tool_call_id"]
  ]
  it.each(faults)("are refused with %s, by its path", (_what, messages, param) => {
    assert.deepStrictEqual(refused({ messages, tools }), ["invalid_body", param])
  })
})

describe("the choice of a tool", () => {
  const choices: ReadonlyArray<readonly [what: string, fields: object, reason: string, param: string]> = [
    [
      "a function that is not offered",
      { tools, tool_choice: { type: "function", function: { name: "f" } } },
      "invalid_body",
      "tool_choice"
    ],
    ["any tool where there is none", { tool_choice: "required" }, "invalid_body", "tool_choice"],
    ["a custom tool", { tools, tool_choice: { type: "custom" } }, "unsupported_parameter", "tool_choice"],
    ["tools that are no functions", { tools: [{ type: "custom" }] }, "unsupported_parameter", "tools[0].type"],
    [
      "a function without its definition",
      { tools: [...tools, { type: "function" }] },
      "invalid_body",
      "tools[2].function"
    ]
  ]
  it.each(choices)("of %s is refused", (_what, fields, reason, param) => {
    assert.deepStrictEqual(refused(fields), [reason, param])
  })

  it("of any tool is required of the vendor too", () => {
    const { body } = Result.getOrThrow(dialect.lower(call({ tools, tool_choice: "required" })))
    assert.deepStrictEqual(body["toolChoice"], { mode: "REQUIRED" })
  })
})

describe("calls in an answer", () => {
  for (const stream of [false, true]) {
    it.effect(`come ${stream ? "at the end of a stream" : "in one piece"}, each once and with an id of its own`, () =>
      Effect.gen(function* () {
        const yandex = yield* Yandex.make()
        const yandexgpt = yield* provider(yandex)
        const made = [
          { name: "weather", arguments: { city: "Тула" } },
          { name: "weather", arguments: { city: "Тула" } },
          { name: "now" }
        ]
        const ids = new Set<string | undefined>()
        for (let round = 0; round < 2; round++) {
          yandex.next(Yandex.callsFunctions(made, { after: "Смотрю", times: 3 }))
          const answer = yield* ask(yandexgpt, { stream, tools })
          assert.deepStrictEqual(said(answer.events), [
            [0, "weather", '{"city":"Тула"}'],
            [1, "weather", '{"city":"Тула"}'],
            [2, "now", "{}"]
          ])
          assert.deepStrictEqual(reasons(answer.events), ["tool_calls"])
          for (const { id } of deltasOf(answer.events)) ids.add(id)
          const texts = answer.events.flatMap((event) => (event._tag === "TextDelta" ? [event.text] : []))
          assert.deepStrictEqual(texts, stream ? ["Смотрю"] : [])
        }
        assert.strictEqual(ids.size, 6)
        for (const id of ids) assert.match(id ?? "", /^call_[0-9a-f]{24}$/)
      })
    )
  }

  it("that grow from one snapshot to the next are told as they stand in the last", () => {
    const first = { name: "weather", arguments: { city: "Тула" } }
    const frames = [
      Yandex.callEnvelope([first], "ALTERNATIVE_STATUS_PARTIAL"),
      Yandex.callEnvelope([first]),
      Yandex.callEnvelope([first, { name: "now", arguments: {} }])
    ]
    assert.deepStrictEqual(said(events(frames)), [
      [0, "weather", '{"city":"Тула"}'],
      [1, "now", "{}"]
    ])
  })

  it("end it as calls where the vendor's last word is another, and as cut short where it was", () => {
    const now = [{ name: "now", arguments: {} }]
    for (const [status, reason] of [
      ["ALTERNATIVE_STATUS_FINAL", "tool_calls"],
      ["ALTERNATIVE_STATUS_UNSPECIFIED", "tool_calls"],
      ["ALTERNATIVE_STATUS_TRUNCATED_FINAL", "length"]
    ] as const) {
      const all = events([Yandex.callEnvelope(now, status)])
      assert.deepStrictEqual([said(all), reasons(all)], [[[0, "now", "{}"]], [reason]])
    }
  })

  it("that the filter took back are not told", () => {
    const all = events([
      Yandex.callEnvelope([{ name: "now" }], "ALTERNATIVE_STATUS_PARTIAL"),
      Yandex.envelope({ text: "Не могу", status: "ALTERNATIVE_STATUS_CONTENT_FILTER" })
    ])
    assert.deepStrictEqual([said(all), reasons(all)], [[], ["content_filter"]])
  })

  it("that were cut off are a failure, not an answer", () => {
    const error = Result.getOrThrow(
      Result.flip(told([Yandex.callEnvelope([{ name: "now" }], "ALTERNATIVE_STATUS_PARTIAL")]))
    )
    assert.strictEqual(error.reason, "provider_failed")
  })

  const invalid: ReadonlyArray<readonly [what: string, frame: object, fields: object]> = [
    ["were never offered", Yandex.callEnvelope([{ name: "rm" }]), { tools }],
    ["may not be made", Yandex.callEnvelope([{ name: "now" }]), { tools, tool_choice: "none" }],
    ["were made where no tool was offered", Yandex.callEnvelope([{ name: "now" }]), {}],
    ["are announced and not made", Yandex.envelope({ text: "", status: "ALTERNATIVE_STATUS_TOOL_CALLS" }), { tools }],
    ["have no name", Yandex.callEnvelope([{ name: "" }]), { tools }],
    ["have no object of arguments", Yandex.callEnvelope([{ name: "now", arguments: "{}" }]), { tools }]
  ]
  it.each(invalid)("that %s are an invalid answer", (_what, frame, fields) => {
    const error = Result.getOrThrow(Result.flip(told([frame], fields)))
    assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", "provider_invalid_answer"])
  })

  const Made = Schema.Array(
    Schema.Struct({
      name: Schema.Literals(["weather", "now"]),
      arguments: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Int, Schema.Boolean, Schema.Null]))
    })
  ).check(Schema.isMinLength(1), Schema.isMaxLength(8))

  it.prop("given back with their results in any order lose nothing", { made: Made }, ({ made }) => {
    // As it is on the wire, which knows no -0.
    const sent: typeof made = JSON.parse(JSON.stringify(made))
    const deltas = deltasOf(events([Yandex.callEnvelope(made)]))
    const tool_calls = deltas.map(({ id = "", name, arguments: text }) => toolCall(id, name, text))
    const results = tool_calls.map(({ id }, at) => result(id, `result ${at}`)).toReversed()
    assert.deepStrictEqual(lowered([hi, calls(...tool_calls), ...results]), [
      { role: "user", text: "Привет" },
      { role: "assistant", toolCallList: { toolCalls: sent.map((call) => ({ functionCall: call })) } },
      {
        role: "user",
        toolResultList: {
          toolResults: made.map(({ name }, at) => ({ functionResult: { name, content: `result ${at}` } }))
        }
      }
    ])
  })
})
