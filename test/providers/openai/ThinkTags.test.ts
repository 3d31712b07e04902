import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as OpenAiDialect from "../../../src/providers/openai/OpenAiDialect.ts"
import { ThinkTags } from "../../../src/providers/openai/ThinkTags.ts"
import { vendors } from "../../../src/providers/openai/Vendors.ts"
import { call, teller, told } from "./openAiCall.ts"

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

  it("begin behind no more than 256 of white space, wherever the pieces end", () => {
    const [most, more] = [256, 257].map((lead) => `${" ".repeat(lead)}<think>a</think>b`)
    for (const size of [1, 7, 256, 257, 300]) {
      assert.deepStrictEqual(parted(most ?? "", size), ["a", "b"])
      assert.deepStrictEqual(parted(more ?? "", size), ["", more])
    }
  })

  it.prop(
    "lose nothing of an answer without them",
    [Schema.String, Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 9 }))],
    ([said, size]) => {
      if (!said.trimStart().startsWith("<think>")) assert.deepStrictEqual(parted(said, size), ["", said])
    }
  )
})

describe("an answer whose choice tells more beside its text, as SGLang's and one with `logprobs` do", () => {
  const dialect = OpenAiDialect.make(teller, vendors.vllm)
  const extra = { matched_stop: 151645 }

  it("has its thoughts apart all the same", () => {
    const message = { role: "assistant", content: "<think>Сравню.</think>\n\n9,8" }
    const answer = { choices: [{ index: 0, message, finish_reason: "stop", ...extra }] }
    assert.deepStrictEqual(told(dialect.read(call, JSON.stringify(answer))), [
      { _tag: "ReasoningDelta", choice: 0, text: "Сравню." },
      { _tag: "TextDelta", choice: 0, text: "9,8", extra },
      { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
      { _tag: "Finished" }
    ])
  })

  it("is told in its order, also where a part of a tag was held back", () => {
    const state = dialect.start(call)
    const pieces = [
      { delta: { content: "<thi" } },
      { delta: { content: "s" }, ...extra },
      { delta: { content: " и то" }, finish_reason: "stop" }
    ]
    const events = pieces.flatMap((piece) =>
      Result.getOrThrow(dialect.step(state, JSON.stringify({ choices: [{ index: 0, ...piece }] })))
    )
    assert.deepStrictEqual(events.slice(1), [
      { _tag: "TextDelta", choice: 0, text: "<this", extra },
      { _tag: "TextDelta", choice: 0, text: " и то" },
      { _tag: "ChoiceFinished", choice: 0, reason: "stop" }
    ])
  })
})
