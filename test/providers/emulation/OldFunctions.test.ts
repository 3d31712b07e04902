import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import type { ChatRequest, Message } from "../../../src/domain/ChatRequest.ts"
import { ValidationError } from "../../../src/domain/Errors.ts"
import { emulated } from "../../../src/providers/emulation/Emulated.ts"
import { asTools } from "../../../src/providers/emulation/OldFunctions.ts"
import { tells } from "../../support/ScriptedProvider.ts"
import { answers, ask, callOf, ended, fake, finished, incapable, started, text, used } from "./scripts.ts"

const user: Message = { role: "user", content: "Погода?" }
const calls = (name: string, text = "{}"): Message => ({
  role: "assistant",
  content: null,
  function_call: { name, arguments: text }
})
const newer: Message = {
  role: "assistant",
  tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: "" } }]
}
const gives = (name: string, content: string | null = "21"): Message => ({ role: "function", name, content })
const f = { name: "f", parameters: { type: "object", properties: {} } }

const newWords = (more: Partial<ChatRequest>) => asTools({ provider: "fake", takesOne: true }, callOf(more).request)
const refused = (more: Partial<ChatRequest>) => {
  const { param, reason } = Result.getOrThrow(Result.flip(newWords(more)))
  return [reason, param]
}

const knowsTools = { ...incapable, parameters: new Set(["tools", "tool_choice"]) }
const delta = (more: Partial<Extract<ChatEvent, { _tag: "ToolCallDelta" }>>): ChatEvent => ({
  _tag: "ToolCallDelta",
  choice: 0,
  call: 0,
  arguments: "",
  ...more
})

describe("OpenAI's older words for functions", () => {
  const Turn = Schema.Struct({
    name: Schema.Literals(["f", "g"]),
    given: Schema.String,
    gave: Schema.NullOr(Schema.String)
  })
  it.effect.prop(
    "are tools and calls of the newer ones, each result its call's",
    { turns: Schema.Array(Turn) },
    ({ turns }) =>
      Effect.sync(() => {
        const messages = turns.flatMap(({ gave, given, name }) => [user, calls(name, given), gives(name, gave)])
        const { messages: told } = Result.getOrThrow(newWords({ messages }))
        assert.deepStrictEqual(
          told,
          turns.flatMap(({ gave, given, name }, turn): ReadonlyArray<Message> => {
            const id = `call_${turn * 3 + 1}`
            return [
              user,
              {
                role: "assistant",
                content: null,
                tool_calls: [{ id, type: "function", function: { name, arguments: given } }]
              },
              { role: "tool", tool_call_id: id, content: gave ?? "" }
            ]
          })
        )
      })
  )

  it("offer, choose and refuse as the newer ones do, one call at a time", () => {
    const offered = (function_call?: ChatRequest["function_call"]) => {
      const {
        messages: _,
        model: __,
        ...rest
      } = Result.getOrThrow(newWords({ functions: [f], ...(function_call === undefined ? {} : { function_call }) }))
      return rest
    }
    const common = { tools: [{ type: "function", function: f }], parallel_tool_calls: false }
    assert.deepStrictEqual(offered(), common)
    assert.deepStrictEqual(offered("none"), { ...common, tool_choice: "none" })
    assert.deepStrictEqual(offered({ name: "f" }), {
      ...common,
      tool_choice: { type: "function", function: { name: "f" } }
    })
    assert.deepStrictEqual(refused({ functions: [f], function_call: { name: "g" } }), ["invalid_body", "function_call"])
    assert.deepStrictEqual(refused({ function_call: { name: "g" } }), ["invalid_body", "function_call"])
    assert.deepStrictEqual(refused({ functions: [f], tools: [{ type: "function", function: f }] }), [
      "invalid_body",
      "functions"
    ])
    assert.deepStrictEqual(refused({ messages: [user, gives("f")] }), ["invalid_body", "messages[1].name"])
    const both: Message = {
      role: "assistant",
      function_call: { name: "f", arguments: "{}" },
      tool_calls: [{ id: "a", type: "function" }]
    }
    assert.deepStrictEqual(refused({ messages: [both] }), ["invalid_body", "messages[0].function_call"])
  })

  it.effect.each([true, false])("have their answer in the same words (stream: %s)", (stream) =>
    Effect.gen(function* () {
      const provider = fake(
        () =>
          tells(
            started,
            text("Узнаю."),
            delta({ id: "call_1", name: "f" }),
            delta({ arguments: '{"a":' }),
            delta({ arguments: "1}" }),
            ended("tool_calls"),
            finished(used(10, 5))
          ),
        knowsTools
      )
      const called = (function_call: object): ChatEvent => ({
        _tag: "ChoiceExtra",
        choice: 0,
        delta: { function_call: { ...function_call } }
      })
      assert.deepStrictEqual(yield* ask(emulated(provider), { functions: [f], stream }), [
        started,
        text("Узнаю."),
        called({ name: "f", arguments: "" }),
        called({ arguments: '{"a":' }),
        called({ arguments: "1}" }),
        { _tag: "ChoiceFinished", choice: 0, reason: "function_call" },
        finished(used(10, 5))
      ])
      for (const field of ["functions", "parallel_tool_calls"]) assert.notProperty(provider.sent[0]?.request, field)
    })
  )

  it.effect("fail where several calls come at once, since they know one", () =>
    Effect.gen(function* () {
      const provider = fake(
        () =>
          tells(
            started,
            delta({ id: "a", name: "f" }),
            delta({ call: 1, id: "b", name: "f" }),
            ended("tool_calls"),
            finished()
          ),
        knowsTools
      )
      const error = yield* Effect.flip(ask(emulated(provider), { functions: [f] }))
      assert.deepInclude(error, { _tag: "ProviderError", reason: "provider_invalid_answer" })
      assert.include(error.message, "called several functions at once")
    })
  )

  it.effect("are left as they are to who knows them, or no tools at all", () =>
    Effect.gen(function* () {
      for (const parameters of [["tools", "functions"], []]) {
        const provider = fake(() => answers("hi"), { ...incapable, parameters: new Set(parameters) })
        yield* ask(emulated(provider), { functions: [f] })
        assert.deepStrictEqual(provider.sent, [callOf({ functions: [f] })])
      }
    })
  )

  const renamed: ReadonlyArray<readonly [param: string, own: string]> = [
    ["tools[1].function.parameters", "functions[1].parameters"],
    ["tool_choice.type", "function_call"],
    ["messages[1].tool_calls[0].function.arguments", "messages[1].function_call.arguments"],
    ["messages[0].tool_calls[0].function.arguments", "messages[0].tool_calls[0].function.arguments"],
    ["messages[3].content", "messages[3].content"]
  ]
  it.effect.each(renamed)("are what a refusal of %s names", ([param, own]) =>
    Effect.gen(function* () {
      const refusal = new ValidationError({ reason: "invalid_body", message: "No", param, provider: "fake" })
      const provider = { ...fake(() => answers("hi"), knowsTools), prepare: () => Effect.fail(refusal) }
      const error = yield* Effect.flip(ask(emulated(provider), { functions: [f], messages: [newer, calls("f")] }))
      assert.deepInclude(error, { _tag: "ValidationError", param: own, message: "No", provider: "fake" })
    })
  )
})
