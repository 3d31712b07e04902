import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import { WholeLetters } from "../../src/providers/WholeLetters.ts"

const told = (events: ReadonlyArray<ChatEvent>): ReadonlyArray<ChatEvent> => {
  const letters = new WholeLetters()
  const all: Array<ChatEvent> = []
  for (const event of events) letters.tell(event, all)
  return all
}

const says = (text: string, choice = 0): ChatEvent => ({ _tag: "TextDelta", choice, text })
const thinks = (text: string, choice = 0): ChatEvent => ({ _tag: "ReasoningDelta", choice, text })
const stops = (choice = 0): ChatEvent => ({ _tag: "ChoiceFinished", choice, reason: "stop" })
const [high, low] = ["\ud83d", "\ude00"]

describe("Letters", () => {
  it("of two halves wait for their second, each choice and kind of text for its own", () => {
    assert.deepStrictEqual(
      told([says(`a${high}`), says(`b${high}`, 1), thinks(high), thinks(`${low}!`), says(low, 1), says(`${low}c`)]),
      [says("a"), says("b", 1), thinks("😀!"), says("😀", 1), says("😀c")]
    )
  })

  it("that never become whole are marked as broken at the end of their choice", () => {
    assert.deepStrictEqual(told([says(`a${high}`), says(`b${high}`, 1), stops(), stops(1)]), [
      says("a"),
      says("b", 1),
      says("\ufffd"),
      stops(),
      says("\ufffd", 1),
      stops(1)
    ])
  })

  it("are whole in the arguments of each call, which has its id and its name at once", () => {
    const calls = (args: string, call = 0): ChatEvent => ({ _tag: "ToolCallDelta", choice: 0, call, arguments: args })
    const named: ChatEvent = { _tag: "ToolCallDelta", choice: 0, call: 0, id: "c", name: "f", arguments: high }
    assert.deepStrictEqual(
      told([named, calls(`"${high}`, 1), says(high), calls(`${low}a`), calls(low, 1), calls(`b${high}`, 1), stops()]),
      [
        { ...named, arguments: "" },
        calls('"', 1),
        calls("😀a"),
        calls("😀", 1),
        calls("b", 1),
        says("\ufffd"),
        calls("\ufffd", 1),
        stops()
      ]
    )
  })

  it("wait, but what was said beside them does not", () => {
    const extra = { logprobs: null }
    assert.deepStrictEqual(told([{ _tag: "TextDelta", choice: 0, text: high, extra }, says(low)]), [
      { _tag: "TextDelta", choice: 0, text: "", extra },
      says("😀")
    ])
  })

  it.effect.prop(
    "are whole in every delta, wherever the text was cut, and none is lost",
    { letters: Schema.Array(Schema.Literals(["a", "ж", "😀", "👨‍👩‍👧", "\n"])), size: Schema.Literals([1, 2, 3, 5]) },
    ({ letters, size }) =>
      Effect.sync(() => {
        const text = letters.join("")
        const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
          says(text.slice(at * size, (at + 1) * size))
        )
        const deltas = told([...pieces, stops()]).flatMap((event) => (event._tag === "TextDelta" ? [event.text] : []))
        assert.strictEqual(deltas.join(""), text)
        for (const delta of deltas) assert.isTrue(delta.isWellFormed())
      })
  )
})
