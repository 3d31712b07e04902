import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import type { ValidationError } from "../../../src/domain/Errors.ts"
import { word, wordCount } from "../../../src/providers/sandbox/Words.ts"
import * as Sandbox from "../../../src/providers/sandbox/Sandbox.ts"

const isRequest = Schema.is(ChatRequest)
const sandbox = Sandbox.make("sandbox")

const prepare = (model: string, fields: object) => {
  const request = { model: `sandbox/${model}`, ...fields }
  return isRequest(request) ? sandbox.prepare({ requestId: "req_1", model, request }) : assert.fail("no chat request")
}

const events = (model: string, fields: object) =>
  Effect.flatMap(prepare(model, fields), ({ events }) => Stream.runCollect(events))

const refusal = (model: string, fields: object) =>
  Effect.map(Effect.flip(prepare(model, fields)), (error): Partial<ValidationError> =>
    error._tag === "ValidationError" ? { reason: error.reason, param: error.param ?? "" } : assert.fail(error._tag)
  )

const user = (content: unknown) => ({ messages: [{ role: "user", content }] })
const texts = (all: ReadonlyArray<ChatEvent>, choice = 0) =>
  all.flatMap((event) => (event._tag === "TextDelta" && event.choice === choice ? [event.text] : []))
const toolArguments = (all: ReadonlyArray<ChatEvent>) =>
  all.flatMap((event) => (event._tag === "ToolCallDelta" ? [event.arguments] : [])).join("")
const reasons = (all: ReadonlyArray<ChatEvent>) =>
  all.flatMap((event) => (event._tag === "ChoiceFinished" ? [event.reason] : []))

const weather = {
  type: "function",
  function: {
    name: "weather",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string", maxLength: 12 },
        days: { type: "integer", minimum: 1 },
        unit: { enum: ["celsius", "fahrenheit"] }
      },
      required: ["city", "days"]
    }
  }
}

describe("every sandbox model", () => {
  it.effect("is listed under its own name, with an honest age", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* sandbox.models, [
        { id: "echo", ownedBy: "xrouter", created: 0 },
        { id: "story", ownedBy: "xrouter", created: 0 },
        { id: "tools", ownedBy: "xrouter", created: 0 },
        { id: "embed", ownedBy: "xrouter", created: 0, purpose: "embedding" }
      ])
    })
  )

  it.effect("gives the same request the same events, however often the stream is run", () =>
    Effect.gen(function* () {
      const prepared = yield* prepare("story", { ...user("Once more"), n: 2 })
      const first = yield* Stream.runCollect(prepared.events)
      assert.deepStrictEqual(yield* Stream.runCollect(prepared.events), first)
      assert.deepStrictEqual(yield* events("story", { ...user("Once more"), n: 2 }), first)
    })
  )

  it.effect("names the parameters that its answers do not depend on", () =>
    Effect.gen(function* () {
      const fields = { temperature: 0.2, seed: 7, max_tokens: 5, n: 2, stop: ["!"], user: "u-1", presence_penalty: 0 }
      const { dropped } = yield* prepare("echo", { ...user("Hi"), ...fields })
      assert.deepStrictEqual(dropped, ["temperature", "seed"])
    })
  )

  it.effect("refuses a model that it does not have", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refusal("parrot", user("Hi")), { reason: "model_not_found", param: "model" })
    })
  )

  const unsupported: ReadonlyArray<readonly [param: string, fields: object]> = [
    ["functions", { functions: [{ name: "f" }] }],
    ["response_format", { response_format: { type: "json_object" } }],
    ["logit_bias", { logit_bias: { 50256: -100 } }],
    ["logprobs", { logprobs: true }],
    ["audio", { audio: { voice: "alloy", format: "wav" } }],
    ["modalities", { modalities: ["text", "audio"] }],
    ["web_search_options", { web_search_options: {} }],
    ["tools", { tools: [weather] }],
    ["tool_choice", { tool_choice: "required" }],
    [
      "messages[0].content[1]",
      user([
        { type: "text", text: "See" },
        { type: "input_audio", input_audio: { data: "", format: "wav" } }
      ])
    ]
  ]
  it.effect.each(unsupported)("refuses %s", ([param, fields]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refusal("echo", { ...user("Hi"), ...fields }), {
        reason: "unsupported_parameter",
        param
      })
    })
  )
})

describe("sandbox/echo", () => {
  it.effect("repeats the last thing that the user said, a word at a time", () =>
    Effect.gen(function* () {
      const all = yield* events("echo", {
        messages: [
          { role: "system", content: "Be brief" },
          { role: "user", content: "First" },
          { role: "assistant", content: "First" },
          { role: "user", content: "Привет,  мир 🌍\n" }
        ]
      })
      assert.deepStrictEqual(all, [
        { _tag: "Started", upstreamModel: "echo" },
        { _tag: "TextDelta", choice: 0, text: "Привет," },
        { _tag: "TextDelta", choice: 0, text: "  мир" },
        { _tag: "TextDelta", choice: 0, text: " 🌍" },
        { _tag: "TextDelta", choice: 0, text: "\n" },
        { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
        {
          _tag: "Finished",
          usage: { promptTokens: 8, completionTokens: 4, cachedTokens: 0, reasoningTokens: 0 }
        }
      ])
    })
  )

  it.effect.prop("gives back any text unchanged, with as many tokens as deltas", { text: Schema.String }, ({ text }) =>
    Effect.gen(function* () {
      const all = yield* events("echo", user(text))
      const deltas = texts(all)
      assert.strictEqual(deltas.join(""), text)
      const end = all.at(-1)
      assert.strictEqual(end?._tag === "Finished" ? end.usage?.completionTokens : undefined, deltas.length)
    })
  )

  it.prop(
    "counts a prompt's words as it would tell them",
    { text: Schema.String, ends: Schema.Literals(["", " ", "\u00a0\n"]) },
    ({ text, ends }) => {
      for (const prompt of [text + ends, `${ends}${text}`, ends]) {
        assert.strictEqual(wordCount(prompt), prompt.match(word)?.length ?? 0)
      }
    }
  )

  it.effect("does not tell a long text many times over", () =>
    Effect.gen(function* () {
      const long = user("x".repeat(2 ** 20))
      assert.deepStrictEqual(yield* refusal("echo", { ...long, n: 128 }), { reason: "invalid_request", param: "n" })
      assert.strictEqual(texts(yield* events("echo", { ...long, n: 2 }), 1).join("").length, 2 ** 20)
    })
  )

  it.effect("reads the text of parts", () =>
    Effect.gen(function* () {
      const parts = [
        { type: "text", text: "One" },
        { type: "text", text: "two" }
      ]
      assert.strictEqual(texts(yield* events("echo", user(parts))).join(""), "One\ntwo")
    })
  )

  it.effect("ends at a stop sequence, without it", () =>
    Effect.gen(function* () {
      const all = yield* events("echo", { ...user("one two three four"), stop: ["four", " three"] })
      assert.strictEqual(texts(all).join(""), "one two")
      assert.deepStrictEqual(reasons(all), ["stop"])
    })
  )

  it.effect("gives n choices by turns, and counts them all", () =>
    Effect.gen(function* () {
      const all = yield* events("echo", { ...user("a b"), n: 2 })
      assert.deepStrictEqual(
        all.map((event) => ("choice" in event ? `${event._tag} ${event.choice}` : event._tag)),
        [
          "Started",
          "TextDelta 0",
          "TextDelta 1",
          "TextDelta 0",
          "TextDelta 1",
          "ChoiceFinished 0",
          "ChoiceFinished 1",
          "Finished"
        ]
      )
      const end = all.at(-1)
      assert.strictEqual(end?._tag === "Finished" ? end.usage?.completionTokens : undefined, 4)
    })
  )
})

describe("sandbox/story", () => {
  it.effect("tells at least sixty words, and another tale to another prompt", () =>
    Effect.gen(function* () {
      const one = texts(yield* events("story", user("a fox")))
      const other = texts(yield* events("story", user("a raven")))
      assert.isAtLeast(one.length, 60)
      assert.notStrictEqual(one.join(""), other.join(""))
    })
  )

  it.effect("stops at max_tokens and says so", () =>
    Effect.gen(function* () {
      const whole = texts(yield* events("story", user("a fox")))
      const cut = yield* events("story", { ...user("a fox"), max_tokens: 5 })
      assert.deepStrictEqual(texts(cut), whole.slice(0, 5))
      assert.deepStrictEqual(reasons(cut), ["length"])
      assert.deepStrictEqual(reasons(yield* events("story", { ...user("a fox"), max_tokens: whole.length })), ["stop"])
    })
  )
})

describe("sandbox/tools", () => {
  it.effect("calls the first tool with arguments of its schema, in pieces", () =>
    Effect.gen(function* () {
      const all = yield* events("tools", { ...user("Тула завтра и послезавтра"), tools: [weather] })
      assert.deepStrictEqual(all.slice(0, 2), [
        { _tag: "Started", upstreamModel: "tools" },
        { _tag: "ToolCallDelta", choice: 0, call: 0, id: "call_1_0", name: "weather", arguments: "" }
      ])
      assert.isAbove(all.filter(({ _tag }) => _tag === "ToolCallDelta").length, 3)
      assert.deepStrictEqual(JSON.parse(toolArguments(all)), { city: "Тула завтра ", days: 1 })
      assert.deepStrictEqual(reasons(all), ["tool_calls"])
    })
  )

  it.effect("calls the tool that tool_choice names, or the first that it allows", () =>
    Effect.gen(function* () {
      const clock = { type: "function", function: { name: "clock" } }
      const named = (choice: object) =>
        Effect.map(events("tools", { ...user("Hi"), tools: [weather, clock], tool_choice: choice }), (all) =>
          all.flatMap((event) => (event._tag === "ToolCallDelta" && event.name !== undefined ? [event.name] : []))
        )
      assert.deepStrictEqual(yield* named(clock), ["clock"])
      assert.deepStrictEqual(yield* named({ type: "allowed_tools", allowed_tools: { mode: "auto", tools: [clock] } }), [
        "clock"
      ])
    })
  )

  it.effect("answers with what the tools said", () =>
    Effect.gen(function* () {
      const call = (id: string) => ({ id, type: "function", function: { name: "weather", arguments: "{}" } })
      const all = yield* events("tools", {
        messages: [
          { role: "user", content: "Weather?" },
          { role: "assistant", content: null, tool_calls: [call("call_1_0"), call("call_1_1")] },
          { role: "tool", tool_call_id: "call_1_0", content: "21 °C" },
          { role: "tool", tool_call_id: "call_1_1", content: "dry" }
        ],
        tools: [weather]
      })
      assert.strictEqual(texts(all).join(""), "The tool answered: 21 °C; dry")
      assert.deepStrictEqual(reasons(all), ["stop"])
    })
  )

  it.effect("gives the calls of one conversation different ids", () =>
    Effect.gen(function* () {
      const ids = (messages: ReadonlyArray<object>) =>
        Effect.map(events("tools", { messages, tools: [weather] }), (all) =>
          all.flatMap((event) => (event._tag === "ToolCallDelta" && event.id !== undefined ? [event.id] : []))
        )
      const first = [{ role: "user", content: "Weather?" }]
      const second = [...first, { role: "assistant", content: "Dry" }, { role: "user", content: "And now?" }]
      assert.notDeepEqual(yield* ids(first), yield* ids(second))
    })
  )

  it.effect("puts no more than the beginning of a long text into its arguments", () =>
    Effect.gen(function* () {
      const all = yield* events("tools", {
        ...user("🌍".repeat(5000)),
        tools: [
          {
            type: "function",
            function: { name: "f", parameters: { properties: { q: { type: "string" } }, required: ["q"] } }
          }
        ]
      })
      assert.deepStrictEqual(JSON.parse(toolArguments(all)), { q: "🌍".repeat(500) })
    })
  )

  it.effect("answers in text where tool_choice forbids a call", () =>
    Effect.gen(function* () {
      const all = yield* events("tools", { ...user("Hi"), tools: [weather], tool_choice: "none" })
      assert.strictEqual(texts(all).join(""), "No tool was called. You said: Hi")
    })
  )

  const impossible: ReadonlyArray<readonly [what: string, fields: object, expected: object]> = [
    [
      "a choice of a tool that is not there",
      { tools: [weather], tool_choice: { type: "function", function: { name: "clock" } } },
      { reason: "invalid_request", param: "tool_choice" }
    ],
    ["a required call without tools", { tool_choice: "required" }, { reason: "invalid_request", param: "tool_choice" }],
    [
      "a tool that is no function",
      { tools: [{ type: "custom", custom: { name: "sh" } }] },
      { reason: "unsupported_parameter", param: "tools[0].type" }
    ],
    [
      "a choice that is no function",
      { tools: [weather], tool_choice: { type: "custom", custom: { name: "sh" } } },
      { reason: "unsupported_parameter", param: "tool_choice.type" }
    ]
  ]
  it.effect.each(impossible)("refuses %s", ([, fields, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* refusal("tools", { ...user("Hi"), ...fields }), expected)
    })
  )
})
