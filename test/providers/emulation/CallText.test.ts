import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { callText, CallTextReader, readCallText } from "../../../src/providers/emulation/CallText.ts"

// Texts with what JSON is made of, so that they look like a call's.
const Letters = Schema.Array(
  Schema.Literals(['"', "\\", "{", "}", "[", "]", ":", ",", " ", "\n", "a", "Ж", "😀", "tool_calls", "content"])
)
const Value = Schema.Union([Letters, Schema.Finite, Schema.Boolean, Schema.Null])
const Call = Schema.Struct({ name: Letters, given: Schema.Record(Schema.String, Value) })
const Answer = Schema.Struct({ content: Letters, calls: Schema.NonEmptyArray(Call) })

const answerOf = ({ calls, content }: typeof Answer.Type) => ({
  content: content.join(""),
  calls: calls.map(({ given, name }) => ({ name: name.join(""), arguments: given }))
})

/** The pieces into which the cuts (shares of the length) divide a text. */
const cut = (text: string, cuts: ReadonlyArray<number>): ReadonlyArray<string> => {
  const places = [...new Set(cuts.map((share) => Math.floor(share * text.length)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => text.slice(from, places[index] ?? text.length))
}

const Share = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

describe("a call that a model writes", () => {
  it.effect.prop("is read as it was written, name, arguments and what is said beside it", { answer: Answer }, (given) =>
    Effect.sync(() => {
      const answer = answerOf(given.answer)
      assert.strictEqual(JSON.stringify(readCallText(callText(answer))), JSON.stringify(answer))
    })
  )

  it.effect.prop(
    "is taken for one from its first letter to its last, however it is cut; words behind it make it words",
    { answer: Answer, cuts: Schema.Array(Share) },
    ({ answer, cuts }) =>
      Effect.sync(() => {
        const text = callText(answerOf(answer))
        const reader = new CallTextReader()
        for (const piece of cut(`\n${text} `, cuts)) assert.isTrue(reader.push(piece))
        assert.isFalse(reader.push("Вот."))
        assert.isFalse(reader.push(" "))
        assert.isUndefined(readCallText(`${text} Вот.`))
      })
  )

  it.effect.prop(
    "is known to be none in the same place, however it is cut",
    { text: Letters, cuts: Schema.Array(Share) },
    (given) =>
      Effect.sync(() => {
        const text = given.text.join("")
        const byLetter = new CallTextReader()
        const mayBe = [...text].every((letter) => byLetter.push(letter))
        const reader = new CallTextReader()
        assert.strictEqual(
          cut(text, given.cuts).every((piece) => reader.push(piece)),
          mayBe
        )
        if (!mayBe) assert.isUndefined(readCallText(text))
      })
  )

  it("keeps the digits of its numbers", () => {
    const text = '{"tool_calls":[{"name":"f","arguments":{"t":1.0,"id":12345678901234567890}}]}'
    const answer = readCallText(text)
    assert.strictEqual(answer !== undefined && "calls" in answer ? callText(answer) : "", text)
  })

  it.each([
    "",
    "Погода хорошая",
    '{"t":21}',
    '{"content":"nothing else"}',
    '{"content":',
    '```json\n{"tool_calls":[{"name":"f","arguments":{}}]}\n```',
    'So: {"tool_calls":[{"name":"f","arguments":{}}]}',
    '[{"name":"f","arguments":{}}]',
    '{"tool_calls":"none"}',
    '{"tool_call'
  ])("is not %j", (text) => {
    assert.isUndefined(readCallText(text))
  })

  it.each([
    ['{"tool_calls":[{"name":"f","arguments":{}}', "the JSON is not complete, or none"],
    ['{"tool_calls":[{name:"f"}]}', "the JSON is not complete, or none"],
    ['{"tool_calls":[]}', "tool_calls must be a list of calls"],
    ['{"content":"a","tool_calls":{}}', "tool_calls must be a list of calls"],
    ['{"content":1,"tool_calls":[{"name":"f","arguments":{}}]}', "content must be a string"],
    ['{"tool_calls":[{"name":"f","arguments":{}}],"more":1}', "it has other fields than tool_calls"],
    ['{"tool_calls":[{"name":"f"}]}', 'tool_calls[0] must be {"name":…,"arguments":{…}}'],
    ['{"tool_calls":[{"name":"f","arguments":"{}"}]}', 'tool_calls[0] must be {"name":…,"arguments":{…}}'],
    ['{"tool_calls":[{"name":"f","arguments":{},"id":"x"}]}', 'tool_calls[0] must be {"name":…,"arguments":{…}}']
  ])("was to be %j, and is at fault", (text, fault) => {
    assert.deepStrictEqual(readCallText(text), { fault })
  })
})
