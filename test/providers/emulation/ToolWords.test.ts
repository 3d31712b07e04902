import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import type { Message } from "../../../src/domain/ChatRequest.ts"
import { readCallText } from "../../../src/providers/emulation/CallText.ts"
import { conversationInWords } from "../../../src/providers/emulation/ToolWords.ts"
import type { Carrier } from "../../../src/providers/Parameters.ts"

const carrier: Carrier = { provider: "fake", who: "fake/m", carried: new Set() }
const inWords = (messages: ReadonlyArray<Message>) => conversationInWords(carrier, messages)
const told = (messages: ReadonlyArray<Message>) => Result.getOrThrow(inWords(messages))
const refused = (messages: ReadonlyArray<Message>) => {
  const { param, reason } = Result.getOrThrow(Result.flip(inWords(messages)))
  return [reason, param]
}

const user: Message = { role: "user", content: "Погода?" }
const call = (id: string, text = "{}", name = "f") => ({
  id,
  type: "function" as const,
  function: { name, arguments: text }
})
const calls = (...tool_calls: ReadonlyArray<ReturnType<typeof call>>): Message => ({
  role: "assistant",
  content: null,
  tool_calls
})
const result = (tool_call_id: string, content = "21"): Message => ({ role: "tool", tool_call_id, content })

const Turn = Schema.Struct({
  said: Schema.String,
  calls: Schema.NonEmptyArray(
    Schema.Struct({
      name: Schema.String,
      given: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Array(Schema.Int)])),
      gave: Schema.String
    })
  ),
  isReversed: Schema.Boolean
})

describe("a conversation in words", () => {
  it.effect.prop(
    "loses no call, no argument and no result, and keeps their order",
    { turns: Schema.Array(Turn) },
    (given) =>
      Effect.sync(() => {
        const messages = given.turns.flatMap(({ calls: made, isReversed, said }, turn): ReadonlyArray<Message> => {
          const results = made.map(({ gave }, at) => result(`call_${turn}_${at}`, gave))
          return [
            user,
            {
              role: "assistant",
              content: said,
              tool_calls: made.map(({ given, name }, at) => call(`call_${turn}_${at}`, JSON.stringify(given), name))
            },
            ...(isReversed ? results.reverse() : results)
          ]
        })
        const lowered = told(messages)
        assert.deepStrictEqual(
          lowered.map(({ role }) => role),
          given.turns.flatMap(() => ["user", "assistant", "user"])
        )
        for (const [turn, { calls: made, said }] of given.turns.entries()) {
          const [answer, results] = lowered.slice(turn * 3 + 1, turn * 3 + 3).map(({ content }) => String(content))
          assert.strictEqual(
            JSON.stringify(readCallText(answer ?? "")),
            JSON.stringify({ content: said, calls: made.map(({ given, name }) => ({ name, arguments: given })) })
          )
          assert.deepStrictEqual(JSON.parse(results ?? ""), {
            tool_results: made.map(({ gave, name }) => ({ name, content: gave }))
          })
        }
      })
  )

  it("leaves alone what is no call, parts and thoughts among them", () => {
    const parts: Message = { role: "user", content: [{ type: "image_url", image_url: { url: "data:," } }] }
    const thinking: Message = { role: "assistant", content: "Да", reasoning_content: "hm" }
    assert.deepStrictEqual(told([parts, thinking, user]), [parts, thinking, user])
    assert.deepStrictEqual(told([user, { ...thinking, tool_calls: [call("a", "")] }, result("a")])[1], {
      role: "assistant",
      reasoning_content: "hm",
      content: '{"content":"Да","tool_calls":[{"name":"f","arguments":{}}]}'
    })
  })

  it("finds results behind instructions, and puts them before these", () => {
    const rule: Message = { role: "system", content: "Кратко" }
    assert.deepStrictEqual(
      told([user, calls(call("a")), rule, result("a")]).map(({ role }) => role),
      ["user", "assistant", "user", "system"]
    )
  })

  it("keeps an argument's digits", () => {
    assert.include(told([calls(call("a", '{"t":1.0}')), result("a")])[0], {
      content: '{"tool_calls":[{"name":"f","arguments":{"t":1.0}}]}'
    })
  })

  it("is refused where calls and results do not belong together, or are none", () => {
    assert.deepStrictEqual(refused([user, result("a")]), ["invalid_body", "messages[1].tool_call_id"])
    assert.deepStrictEqual(refused([calls(call("a"), call("b")), result("a")]), [
      "invalid_body",
      "messages[0].tool_calls[1].id"
    ])
    assert.deepStrictEqual(refused([calls(call("a")), user, result("a")]), [
      "invalid_body",
      "messages[0].tool_calls[0].id"
    ])
    assert.deepStrictEqual(refused([calls(call("a", "[1]")), result("a")]), [
      "invalid_body",
      "messages[0].tool_calls[0].function.arguments"
    ])
    const custom: Message = { role: "assistant", tool_calls: [{ id: "a", type: "custom" }] }
    assert.deepStrictEqual(refused([custom, result("a")]), ["unsupported_parameter", "messages[0].tool_calls[0].type"])
  })
})
