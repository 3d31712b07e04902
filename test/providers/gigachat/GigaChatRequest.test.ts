import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import type { Lowered } from "../../../src/providers/Dialect.ts"
import { make } from "../../../src/providers/gigachat/GigaChatDialect.ts"
import { fault, violationsOf } from "../../support/GigaChatRules.ts"
import { callOf } from "./gigaChatCall.ts"
import conversation from "./golden/conversation.json" with { type: "json" }

const dialect = make("gigachat")

const lower = (fields: Readonly<Record<string, unknown>>, model?: string) => dialect.lower(callOf(fields, model))

const lowered = (fields: Readonly<Record<string, unknown>>): Lowered => {
  const result = lower(fields)
  if (Result.isFailure(result)) throw new Error(result.failure.message)
  return result.success
}

/** As it stands on the wire: what is undefined is not there. */
const wire = (fields: Readonly<Record<string, unknown>>): unknown => JSON.parse(JSON.stringify(lowered(fields).body))

const refusal = (fields: Readonly<Record<string, unknown>>) => {
  const result = lower(fields)
  if (Result.isSuccess(result)) throw new Error("it was lowered")
  return { reason: result.failure.reason, param: result.failure.param }
}

describe("A request to GigaChat", () => {
  it("is lowered as a reader of the API would write it", () => {
    const result = lower(conversation.openai, "GigaChat-2-Max")
    if (Result.isFailure(result)) throw new Error(result.failure.message)
    assert.deepStrictEqual(JSON.parse(JSON.stringify(result.success.body)), conversation.gigachat)
    assert.deepStrictEqual(result.success.dropped, conversation.dropped)
    assert.deepStrictEqual(result.success.headers, { "X-Request-ID": "req_1" })
  })

  it("holds nothing that the caller did not ask for", () => {
    assert.deepStrictEqual(wire({}), { model: "GigaChat-2", messages: [{ role: "user", content: "Привет" }] })
    assert.deepStrictEqual(lowered({}).dropped, [])
  })

  it("asks for greedy decoding by top_p 0, because a temperature of 0 is refused there", () => {
    assert.deepInclude(wire({ temperature: 0, top_p: 0.5 }), { top_p: 0 })
    assert.notProperty(wire({ temperature: 0, top_p: 0.5 }), "temperature")
    assert.deepInclude(wire({ temperature: 0.3, top_p: 0.5 }), { temperature: 0.3, top_p: 0.5 })
  })

  it("says stream only where it is asked for", () => {
    assert.deepInclude(wire({ stream: true }), { stream: true })
    assert.notProperty(wire({ stream: false }), "stream")
  })

  it("knows three levels of reasoning, and names an effort that has none of them", () => {
    assert.deepInclude(wire({ reasoning_effort: "medium" }), { reasoning_effort: "medium" })
    assert.deepInclude(wire({ reasoning_effort: "minimal" }), { reasoning_effort: "low" })
    assert.deepInclude(wire({ reasoning_effort: "xhigh" }), { reasoning_effort: "high" })
    assert.notProperty(wire({ reasoning_effort: "none" }), "reasoning_effort")
    assert.deepStrictEqual(lowered({ reasoning_effort: "none" }).dropped, ["reasoning_effort"])
  })

  it("carries GigaChat's own parameters", () => {
    const own = {
      profanity_check: false,
      repetition_penalty: 1.1,
      update_interval: 0.5,
      flags: ["a"],
      function_ranker: { enabled: true, top_n: 3 }
    }
    assert.deepInclude(wire(own), own)
    assert.notProperty(wire({ profanity_check: null }), "profanity_check")
    assert.deepStrictEqual(refusal({ profanity_check: "yes" }), { reason: "invalid_body", param: "profanity_check" })
    assert.deepStrictEqual(refusal({ flags: [1] }), { reason: "invalid_body", param: "flags" })
  })

  it("without tools never says function_call, which would wake the built-in functions", () => {
    for (const fields of [{}, { tools: [] }, { tool_choice: "auto" }, { tools: [aTool], tool_choice: "none" }]) {
      assert.notProperty(wire(fields), "function_call")
      assert.notProperty(wire(fields), "functions")
    }
  })

  it("names what it leaves out, but not what makes no difference", () => {
    const { dropped } = lowered({
      seed: 1,
      presence_penalty: 1,
      frequency_penalty: 0,
      top_k: 40,
      user: "u",
      metadata: {},
      store: true,
      service_tier: "auto",
      parallel_tool_calls: false,
      logprobs: false,
      n: 1,
      stop: "",
      "evil\r\nheader": 1
    })
    assert.deepStrictEqual(dropped, ["seed", "presence_penalty", "top_k"])
  })

  describe("is refused where the answer would be another one", () => {
    const cases: ReadonlyArray<readonly [string, Readonly<Record<string, unknown>>]> = [
      ["response_format", { response_format: { type: "json_object" } }],
      ["n", { n: 2 }],
      ["stop", { stop: "END" }],
      ["stop", { stop: ["END"] }],
      ["logit_bias", { logit_bias: { "1": 5 } }],
      ["logprobs", { logprobs: true }],
      ["top_logprobs", { top_logprobs: 2 }],
      ["modalities", { modalities: ["text", "audio"] }],
      ["audio", { audio: { voice: "alloy", format: "mp3" } }],
      ["web_search_options", { web_search_options: {} }]
    ]
    for (const [param, fields] of cases) {
      it(`${param}: ${JSON.stringify(fields)}`, () => {
        assert.deepStrictEqual(refusal(fields), { reason: "unsupported_parameter", param })
      })
    }
  })

  it("passes where such a parameter asks for nothing", () => {
    const fields = {
      tools: [],
      functions: [],
      tool_choice: "none",
      response_format: { type: "text" },
      logit_bias: {},
      logprobs: false,
      modalities: ["text"],
      audio: null
    }
    assert.deepStrictEqual(wire(fields), wire({}))
  })
})

const aTool = { type: "function", function: { name: "f", parameters: { type: "object", properties: {} } } }

describe("A conversation with GigaChat", () => {
  const messagesOf = (...messages: ReadonlyArray<unknown>): unknown => lowered({ messages }).body["messages"]

  it("has its system messages joined at its front", () => {
    const [user, system] = [
      { role: "user", content: "а" },
      { role: "system", content: "s1" }
    ]
    assert.deepStrictEqual(messagesOf(user, system, { role: "assistant", content: "б" }), [
      system,
      user,
      { role: "assistant", content: "б" }
    ])
    assert.deepStrictEqual(messagesOf(system, { role: "developer", content: [{ type: "text", text: "s2" }] }, user), [
      { role: "system", content: "s1\n\ns2" },
      user
    ])
    assert.deepStrictEqual(messagesOf(system), [system])
  })

  it("has turns: messages of one role in a row are one", () => {
    assert.deepStrictEqual(
      messagesOf(
        { role: "user", content: "1" },
        { role: "system", content: "s" },
        { role: "user", content: "2" },
        { role: "assistant", content: null },
        { role: "assistant", content: "3" },
        { role: "assistant", content: [{ type: "refusal", refusal: "4" }] },
        { role: "user", content: "" }
      ),
      [
        { role: "system", content: "s" },
        { role: "user", content: "1\n2" },
        { role: "assistant", content: "3\n4" },
        { role: "user", content: "" }
      ]
    )
  })

  it("keeps an assistant's message without content, as an empty one", () => {
    assert.deepStrictEqual(messagesOf({ role: "user", content: "1" }, { role: "assistant" }), [
      { role: "user", content: "1" },
      { role: "assistant", content: "" }
    ])
  })

  describe("is refused, with the path, where it holds more than text and functions", () => {
    const user = { role: "user", content: "а" }
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }
    const asks = {
      role: "assistant",
      tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }]
    }
    const cases: ReadonlyArray<readonly [string, ReadonlyArray<unknown>]> = [
      ["messages[1].content[1]", [user, { role: "user", content: [{ type: "text", text: "что тут?" }, image] }]],
      ["messages[0].content[0]", [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }]],
      ["messages[0].content[0]", [{ role: "user", content: [{ type: "file", file: {} }] }]],
      ["messages[2].content[0]", [user, asks, { role: "tool", tool_call_id: "c", content: [image] }]],
      ["messages[1].tool_calls[0].type", [user, { role: "assistant", tool_calls: [{ id: "c", type: "custom" }] }]]
    ]
    for (const [param, messages] of cases) {
      it(`${param}: ${JSON.stringify(messages.at(-1))}`, () => {
        assert.deepStrictEqual(refusal({ messages }), { reason: "unsupported_parameter", param })
      })
    }
    it("or where a part has no text", () => {
      assert.deepStrictEqual(refusal({ messages: [{ role: "user", content: [{ type: "text" }] }] }), {
        reason: "invalid_body",
        param: "messages[0].content[0].text"
      })
    })
  })

  const part = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
  const message = Schema.Struct({
    role: Schema.Literals(["system", "developer", "user", "assistant"]),
    content: Schema.Union([Schema.String, Schema.NonEmptyArray(part)])
  })

  it.effect.prop(
    "is taken by the API and loses no word, in whatever order it comes",
    { messages: Schema.NonEmptyArray(message) },
    ({ messages }) =>
      Effect.sync(() => {
        const { body } = lowered({ messages })
        if (messages.some(({ role }) => role === "user" || role === "assistant"))
          assert.isUndefined(fault(JSON.parse(JSON.stringify(body)), ["GigaChat-2"]))
        assert.deepStrictEqual(violationsOf(body), [])
        const sent = JSON.stringify(body["messages"])
        for (const { content } of messages)
          for (const text of typeof content === "string" ? [content] : content.map((part) => part.text))
            assert.include(sent, JSON.stringify(text).slice(1, -1))
      })
  )
})
