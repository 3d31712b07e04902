import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ThinkTags } from "../../../src/providers/openai/ThinkTags.ts"

/** Thoughts and text, read in pieces of so many letters. */
const parted = (text: string, size: number) => {
  const tags = new ThinkTags()
  const pieces: Array<string> = []
  for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size))
  const all = [...pieces.map((piece) => tags.read(piece)), tags.end()]
  return [all.map(({ thought }) => thought).join(""), all.map(({ text }) => text).join("")]
}

describe("thoughts between tags", () => {
  const cases: ReadonlyArray<readonly [said: string, thought: string, text: string]> = [
    ["<think>Сравню.</think>\n\n9,8", "Сравню.", "9,8"],
    ["\n<think>\nа < б </ в\n</think>Да", "\nа < б </ в\n", "Да"],
    ["<think></think>Да", "", "Да"],
    ["<think>не кончил </thi", "не кончил </thi", ""],
    ["Тег <think> стоит внутри </think>.", "", "Тег <think> стоит внутри </think>."],
    ["<thin", "", "<thin"],
    ["<thinker>", "", "<thinker>"],
    ["  отступ", "", "  отступ"],
    ["<think>a</think>b<think>c</think>", "a", "b<think>c</think>"],
    ["", "", ""]
  ]
  for (const [said, thought, text] of cases) {
    it(`are told apart wherever the pieces end: ${JSON.stringify(said)}`, () => {
      for (let size = 1; size <= said.length + 1; size++) {
        assert.deepStrictEqual(parted(said, size), [thought, text], `in pieces of ${size}`)
      }
    })
  }

  it.prop(
    "lose nothing of an answer without them",
    [Schema.String, Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))],
    ([said, size]) => {
      if (!said.trimStart().startsWith("<think>")) assert.deepStrictEqual(parted(said, size), ["", said])
    }
  )
})
