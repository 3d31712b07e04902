import { assert, describe, it } from "@effect/vitest"
import type { ChatEvent, ToolCallDelta } from "../../src/domain/ChatEvent.ts"
import type { JsonObject } from "../../src/domain/Json.ts"
import { ChatCompletion } from "../../src/gateway/ChatCompletion.ts"

const head = { id: "chatcmpl-1", created: 1_790_000_000, model: "gigachat/GigaChat-2" }
const usage = { promptTokens: 9, completionTokens: 3, cachedTokens: 2, reasoningTokens: 1 }

const folded = (...events: ReadonlyArray<ChatEvent>) => {
  const completion = new ChatCompletion()
  completion.add(events)
  return completion
}

const body = (...events: ReadonlyArray<ChatEvent>) => JSON.parse(folded(...events).body(head, usage))

/** The message of the only choice. */
const message = (...events: ReadonlyArray<ChatEvent>) => {
  const { choices } = body(...events)
  assert.lengthOf(choices, 1)
  return choices[0].message
}

const text = (text: string, choice = 0): ChatEvent => ({ _tag: "TextDelta", choice, text })
const reasoning = (text: string): ChatEvent => ({ _tag: "ReasoningDelta", choice: 0, text })
const extra = (delta: JsonObject): ChatEvent => ({ _tag: "ChoiceExtra", choice: 0, delta })
const call = (call: number, piece: string, more: Partial<ToolCallDelta> = {}): ChatEvent => ({
  _tag: "ToolCallDelta",
  choice: 0,
  call,
  arguments: piece,
  ...more
})
const stop = (choice = 0): ChatEvent => ({ _tag: "ChoiceFinished", choice, reason: "stop" })

describe("ChatCompletion", () => {
  it("is OpenAI's object, field by field", () => {
    assert.deepStrictEqual(body({ _tag: "Started" }, text("При"), text("вет"), stop(), { _tag: "Finished", usage }), {
      id: "chatcmpl-1",
      object: "chat.completion",
      created: 1_790_000_000,
      model: "gigachat/GigaChat-2",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Привет", refusal: null },
          logprobs: null,
          finish_reason: "stop"
        }
      ],
      usage: {
        prompt_tokens: 9,
        completion_tokens: 3,
        total_tokens: 12,
        prompt_tokens_details: { cached_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 1 }
      }
    })
  })

  it("is the same however the events are packed", () => {
    const events = [text("a"), call(0, "{}", { id: "c", name: "f" }), text("b"), stop()]
    const one = new ChatCompletion()
    for (const event of events) one.add([event])
    assert.strictEqual(one.body(head, usage), folded(...events).body(head, usage))
  })

  it("keeps the provider's own count, and that there was none", () => {
    assert.deepStrictEqual(folded({ _tag: "Finished", usage }).usage, usage)
    assert.isUndefined(folded({ _tag: "Finished" }).usage)
  })

  it("puts reasoning beside the text", () => {
    assert.deepStrictEqual(message(reasoning("Ду"), text("Да"), reasoning("маю"), stop()), {
      role: "assistant",
      content: "Да",
      refusal: null,
      reasoning_content: "Думаю"
    })
  })

  it("puts the pieces of tool calls together, in the order of the calls", () => {
    assert.deepStrictEqual(
      message(
        call(1, "{", { id: "call_b", name: "time" }),
        call(0, '{"city"', { id: "call_a", name: "weather" }),
        call(1, "}"),
        call(0, ':"Тула"}'),
        stop()
      ),
      {
        role: "assistant",
        content: null,
        refusal: null,
        tool_calls: [
          { id: "call_a", type: "function", function: { name: "weather", arguments: '{"city":"Тула"}' } },
          { id: "call_b", type: "function", function: { name: "time", arguments: "{}" } }
        ]
      }
    )
  })

  it("has no text where it is a call in OpenAI's older words", () => {
    const called = (function_call: object): ChatEvent => ({
      _tag: "ChoiceExtra",
      choice: 0,
      delta: { function_call: { ...function_call } }
    })
    assert.deepStrictEqual(message(called({ name: "weather", arguments: "" }), called({ arguments: "{}" }), stop()), {
      role: "assistant",
      content: null,
      refusal: null,
      function_call: { name: "weather", arguments: "{}" }
    })
  })

  it("lists the calls of custom tools among those of functions", () => {
    const { tool_calls } = message(
      call(0, "{}", { id: "call_a", name: "time" }),
      call(1, "select", { id: "call_b", name: "sql", isCustom: true }),
      call(1, " 1", { isCustom: true }),
      call(2, "{}", { id: "call_c", name: "time" })
    )
    assert.deepStrictEqual(tool_calls, [
      { id: "call_a", type: "function", function: { name: "time", arguments: "{}" } },
      { id: "call_b", type: "custom", custom: { name: "sql", input: "select 1" } },
      { id: "call_c", type: "function", function: { name: "time", arguments: "{}" } }
    ])
  })

  it("has a name and an id for a call that came without", () => {
    assert.deepStrictEqual(message(call(0, "{}")).tool_calls, [
      { id: "call_0", type: "function", function: { name: "", arguments: "{}" } }
    ])
  })

  it("keeps the text beside the calls", () => {
    assert.strictEqual(message(text("Смотрю"), call(0, "{}", { id: "c", name: "f" })).content, "Смотрю")
  })

  it("has empty content where the model said nothing, and none where it refused", () => {
    assert.strictEqual(message(stop()).content, "")
    assert.deepStrictEqual(message(extra({ refusal: "Не " }), extra({ refusal: "могу" }), stop()), {
      role: "assistant",
      content: null,
      refusal: "Не могу"
    })
  })

  it("joins the pieces of what it does not know: texts and lists end to end, objects by their fields", () => {
    assert.deepInclude(
      message(
        extra({ annotations: [{ n: 1 }], audio: { id: "a", data: "AA" }, score: 1 }),
        extra({ annotations: [{ n: 2 }], audio: { data: "BB", expires_at: 5 }, score: 2 })
      ),
      { annotations: [{ n: 1 }, { n: 2 }], audio: { id: "a", data: "AABB", expires_at: 5 }, score: 2 }
    )
  })

  it("loses no call to a field of the same name", () => {
    const { tool_calls } = message(call(0, "{}", { id: "c", name: "f" }), extra({ tool_calls: [{ type: "future" }] }))
    assert.deepStrictEqual(tool_calls, [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }])
  })

  it("puts what stands beside a delta beside the message, joined", () => {
    const logged = (token: string): ChatEvent => ({
      _tag: "TextDelta",
      choice: 0,
      text: token,
      extra: { logprobs: { content: [{ token }], refusal: null } }
    })
    const [choice] = body(logged("a"), logged("b"), stop()).choices
    assert.deepStrictEqual(choice.logprobs, { content: [{ token: "a" }, { token: "b" }], refusal: null })
  })

  it("passes on the upstream's own top fields", () => {
    assert.deepInclude(
      body({ _tag: "Started", extra: { system_fingerprint: "fp", service_tier: "default" } }, stop()),
      {
        system_fingerprint: "fp",
        service_tier: "default"
      }
    )
  })

  it("keeps several choices apart, and sorts them", () => {
    const { choices } = body(text("b", 1), text("a", 0), text("c", 1), stop(1), {
      _tag: "ChoiceFinished",
      choice: 0,
      reason: "length"
    })
    assert.deepStrictEqual(
      choices.map((choice: { index: number; message: { content: string }; finish_reason: string }) => [
        choice.index,
        choice.message.content,
        choice.finish_reason
      ]),
      [
        [0, "a", "length"],
        [1, "bc", "stop"]
      ]
    )
  })
})
