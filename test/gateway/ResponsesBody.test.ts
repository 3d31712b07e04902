import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { ValidationError } from "../../src/domain/Errors.ts"
import { responsesRequest } from "../../src/gateway/ResponsesBody.ts"

const asked = (body: object) => Result.getOrThrow(responsesRequest({ model: "m", ...body }))
const chatOf = (body: object) => asked(body).chat
const weather = { type: "function", name: "weather", parameters: { type: "object", properties: {} }, strict: true }

describe("a request of the Responses API, in a chat's words", () => {
  it("is instructions and one message where the input is a text", () => {
    assert.deepStrictEqual(chatOf({ instructions: "Be brief", input: "Hello" }), {
      model: "m",
      messages: [
        { role: "system", content: "Be brief" },
        { role: "user", content: "Hello" }
      ]
    })
  })

  it("keeps every message, with its pictures, and what was refused", () => {
    const { messages } = chatOf({
      input: [
        { role: "developer", content: "Speak Russian" },
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "What is this?" },
            { type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "low" }
          ]
        },
        {
          id: "msg_1",
          type: "message",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: "A cat", annotations: [] }]
        },
        { role: "assistant", content: [{ type: "refusal", refusal: "No" }] },
        { role: "user", content: [{ type: "input_text", text: "Why?" }] }
      ]
    })
    assert.deepStrictEqual(messages, [
      { role: "developer", content: "Speak Russian" },
      {
        role: "user",
        content: [
          { type: "text", text: "What is this?" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AAAA", detail: "low" } }
        ]
      },
      { role: "assistant", content: "A cat" },
      { role: "assistant", content: "No" },
      { role: "user", content: "Why?" }
    ])
  })

  it("puts calls that follow one another into the message that they belong to, with what was said beside them", () => {
    const call = (call_id: string) => ({ type: "function_call", call_id, name: "weather", arguments: "{}" })
    const result = (call_id: string) => ({ type: "function_call_output", call_id, output: `of ${call_id}` })
    const { messages } = chatOf({
      input: [
        { role: "user", content: "Weather?" },
        { type: "reasoning", id: "rs_1", summary: [], content: [] },
        { role: "assistant", content: "Let me see" },
        call("a"),
        { type: "reasoning", id: "rs_2", summary: [] },
        call("b"),
        result("a"),
        { type: "function_call_output", call_id: "b", output: [{ type: "input_text", text: "of b" }] },
        call("c"),
        { role: "assistant", content: "One more" },
        result("c")
      ]
    })
    const toolCall = (id: string) => ({ id, type: "function" as const, function: { name: "weather", arguments: "{}" } })
    assert.deepStrictEqual(messages, [
      { role: "user", content: "Weather?" },
      { role: "assistant", content: "Let me see", tool_calls: [toolCall("a"), toolCall("b")] },
      { role: "tool", tool_call_id: "a", content: "of a" },
      { role: "tool", tool_call_id: "b", content: "of b" },
      { role: "assistant", content: "One more", tool_calls: [toolCall("c")] },
      { role: "tool", tool_call_id: "c", content: "of c" }
    ])
  })

  it("carries its parameters under their names in a chat", () => {
    const { chat, form } = asked({
      input: "a",
      stream: true,
      temperature: 0,
      top_p: 0.5,
      max_output_tokens: 9,
      reasoning: { effort: "low" },
      parallel_tool_calls: false,
      tools: [weather],
      tool_choice: { type: "function", name: "weather" },
      text: { format: { type: "json_schema", name: "w", schema: { type: "object" }, strict: true } },
      user: "u",
      metadata: { a: "b" },
      store: true,
      include: [],
      truncation: "disabled",
      previous_response_id: null,
      background: false
    })
    assert.deepStrictEqual(chat, {
      model: "m",
      stream: true,
      temperature: 0,
      top_p: 0.5,
      user: "u",
      messages: [{ role: "user", content: "a" }],
      tools: [
        {
          type: "function",
          function: { name: "weather", parameters: { type: "object", properties: {} }, strict: true }
        }
      ],
      tool_choice: { type: "function", function: { name: "weather" } },
      parallel_tool_calls: false,
      response_format: { type: "json_schema", json_schema: { name: "w", schema: { type: "object" }, strict: true } },
      max_completion_tokens: 9,
      reasoning_effort: "low"
    })
    assert.deepStrictEqual(form.dropped([]), [])
    assert.deepStrictEqual(chatOf({ input: "a", text: { format: { type: "json_object" } } }).response_format, {
      type: "json_object"
    })
    assert.isUndefined(chatOf({ input: "a", text: { format: { type: "text" } } }).response_format)
  })

  it("names what it leaves out, and leaves out what has no tool to go with", () => {
    const { chat, form } = asked({
      input: "a",
      tools: [{ type: "web_search" }, { type: "namespace", name: "n", tools: [] }, { type: "strange type" }],
      tool_choice: "auto",
      parallel_tool_calls: true,
      include: ["reasoning.encrypted_content"],
      truncation: "auto",
      max_tool_calls: 3,
      reasoning: { summary: "auto" },
      text: { verbosity: "low" },
      "a header\r\nof its own": 1
    })
    assert.deepStrictEqual(form.dropped(["reasoning_effort", "seed"]), [
      "tools.web_search",
      "tools.namespace",
      "tools",
      "text.verbosity",
      "reasoning.summary",
      "include",
      "truncation",
      "max_tool_calls",
      "reasoning.effort",
      "seed"
    ])
    assert.deepStrictEqual(chat, { model: "m", messages: [{ role: "user", content: "a" }] })
  })

  it("offers only the tools that are allowed", () => {
    const { tool_choice, tools } = chatOf({
      input: "a",
      tools: [weather, { ...weather, name: "time" }],
      tool_choice: { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "time" }] }
    })
    assert.strictEqual(tool_choice, "required")
    assert.deepStrictEqual(
      tools?.map((tool) => tool.function?.name),
      ["time"]
    )
  })

  it("puts a long row of calls into one message", () => {
    const input = Array.from({ length: 10_000 }, (_, index) => ({
      type: "function_call",
      call_id: `c${index}`,
      name: "f",
      arguments: "{}"
    }))
    const [message] = chatOf({ input }).messages
    assert.isTrue(message?.role === "assistant" && message.tool_calls?.length === input.length)
  })
})

describe("a request that the Responses API cannot follow here", () => {
  const call = { type: "function_call", call_id: "a", name: "f", arguments: "{}" }
  const user = (content: unknown) => ({ input: [{ role: "user", content }] })
  const refusals: ReadonlyArray<readonly [body: object, param: string, reason?: ValidationError["reason"]]> = [
    [{}, "input"],
    [{ input: 7 }, "input"],
    [{ input: [] }, "input"],
    [{ input: [{ type: "reasoning" }] }, "input"],
    [{ input: "a", model: null }, "model"],
    [{ input: "a", model: "" }, "model"],
    [{ input: "a", previous_response_id: "resp_1" }, "previous_response_id", "unsupported_parameter"],
    [{ input: "a", conversation: "conv_1" }, "conversation", "unsupported_parameter"],
    [{ input: "a", background: true }, "background", "unsupported_parameter"],
    [{ input: "a", prompt: { id: "pmpt_1" } }, "prompt", "unsupported_parameter"],
    [{ input: "a", temperature: 3 }, "temperature"],
    [{ input: "a", max_output_tokens: 0 }, "max_output_tokens"],
    [{ input: "a", instructions: 7 }, "instructions"],
    [{ input: [{ content: "a" }] }, "input[0].role"],
    [{ input: [{ role: "tool", content: "a" }] }, "input[0].role"],
    [{ input: [{ role: "user" }] }, "input[0].content"],
    [user([]), "input[0].content"],
    [user([{ type: "input_text" }]), "input[0].content[0].text"],
    [user([{ type: "input_file", file_id: "f" }]), "input[0].content[0].type", "unsupported_parameter"],
    [user([{ type: "input_image", file_id: "f" }]), "input[0].content[0].image_url", "unsupported_parameter"],
    [{ input: [{ type: "item_reference", id: "msg_1" }] }, "input[0]", "unsupported_parameter"],
    [{ input: [{ type: "computer_call" }] }, "input[0].type", "unsupported_parameter"],
    [{ input: [{ ...call, name: null }] }, "input[0].name"],
    [{ input: [{ ...call, call_id: undefined }] }, "input[0].call_id"],
    [{ input: [{ ...call, arguments: undefined }] }, "input[0].arguments"],
    [{ input: [call, { type: "function_call_output", call_id: "b", output: "" }] }, "input[1].call_id"],
    [{ input: [call, { type: "function_call_output", call_id: "a" }] }, "input[1].output"],
    [{ input: "a", tools: [{ type: "function" }] }, "tools[0].name"],
    [{ input: "a", tools: [{ type: "web_search" }], tool_choice: "required" }, "tool_choice", "unsupported_parameter"],
    [
      { input: "a", tools: [weather], tool_choice: { type: "web_search" } },
      "tool_choice.type",
      "unsupported_parameter"
    ],
    [{ input: "a", tools: [weather], tool_choice: { type: "function", name: "g" } }, "tool_choice.name"],
    [{ input: "a", text: { format: { type: "json_schema", name: "w" } } }, "text.format.schema"],
    [{ input: "a", text: { format: { type: "json_schema", schema: {} } } }, "text.format.name"],
    [{ input: "a", text: { format: { type: "grammar" } } }, "text.format.type"]
  ]
  for (const [body, param, reason = "invalid_body"] of refusals) {
    it(`${JSON.stringify(body)} is refused for its ${param}`, () => {
      const refused = responsesRequest({ model: "m", ...body })
      assert.deepInclude({ ...Result.getOrThrow(Result.flip(refused)) }, { param, reason })
    })
  }

  it("is anything that is no object", () => {
    for (const body of [null, [], "a", 7]) assert.isTrue(Result.isFailure(responsesRequest(body)))
  })
})
