import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { GrowingLine } from "../../../src/providers/yandexgpt/GrowingLine.ts"
import * as YandexDialect from "../../../src/providers/yandexgpt/YandexDialect.ts"
import { envelope } from "../../support/YandexUpstream.ts"
import { call } from "./Calls.ts"

const going = "ALTERNATIVE_STATUS_PARTIAL"

const line = (text: string, completion = 1) =>
  JSON.stringify(envelope({ text, status: going, usage: { input: 9, completion } }))

const lineOf = (text: string, completion?: number) => {
  const last = GrowingLine.of(line(text, completion), text)
  assert.isDefined(last)
  return last
}

describe("a line like the one before", () => {
  it("is read without its JSON being read, for what is new of its text, with counts of any length", () => {
    const last = lineOf("Один", 9)
    assert.strictEqual(last.read(line("Один, два", 10)), ", два")
    assert.strictEqual(last.read(line("Один, два, три", 100)), ", три")
    assert.strictEqual(last.read(line("Один, два, три", 7)), "")
    assert.strictEqual(last.read(line("Один, два, три.", 7)), ".")
    assert.strictEqual(lineOf("").read(line("Раз")), "Раз")
    // Of what was read whole all letters are known, however they are written.
    assert.strictEqual(lineOf('"1"\n\\ 😀').read(line('"1"\n\\ 😀, 2')), ", 2")
  })

  it("is none where the text was changed, or anything around it but a number", () => {
    const last = lineOf("Один, два")
    assert.isUndefined(last.read(line("Один, три и")))
    assert.isUndefined(last.read(line("Один")))
    const further = line("Один, два, три")
    assert.isUndefined(last.read(further.replace(going, "ALTERNATIVE_STATUS_FINAL")))
    assert.isUndefined(last.read(further.slice(0, -1)))
    assert.isUndefined(last.read(`${further} `))
    assert.isUndefined(last.read(line("Один, два, три", 0)))
    assert.isUndefined(last.read('{"error":{"code":8,"message":"busy"}}'))
    assert.strictEqual(last.read(further), ", три")
  })

  it("is none where what is new of its text does not stand for itself", () => {
    for (const more of ["\n", "\\", '"', "😀", "\ud83d", "\ufffd"]) {
      assert.isUndefined(lineOf("a").read(line(`ab${more}c`)), more)
    }
    assert.isUndefined(lineOf("a").read(line("ab").replace("ab", "a\tb")))
    assert.isUndefined(lineOf("a").read(line("ab").slice(0, line("ab").indexOf("ab") + 2)))
  })

  it("is not looked for where the text is not the one in the line", () => {
    assert.isUndefined(GrowingLine.of('{"text":"a","message":{"text":"a"}}', "a"))
    assert.isUndefined(GrowingLine.of('{"text":"a"}', "b"))
    assert.isUndefined(GrowingLine.of('{"content":"a"}', "a"))
    assert.isUndefined(GrowingLine.of('{"text":null}', ""))
    assert.isUndefined(GrowingLine.of('{"text":"a', "a"))
  })
})

const dialect = YandexDialect.make({ provider: "yandexgpt", folderId: "b1gfolder", secrets: [Redacted.make("AQVNs")] })

/** What a stream tells; `isWhole` where each line is read by itself. */
const told = (lines: ReadonlyArray<string>, isWhole: boolean): ReadonlyArray<ReadonlyArray<ChatEvent> | string> => {
  const state = dialect.start(call({ stream: true }))
  const all: Array<ReadonlyArray<ChatEvent> | string> = []
  for (const each of lines) {
    if (isWhole) state.line = undefined
    const step = dialect.step(state, each)
    all.push(Result.isSuccess(step) ? step.success : step.failure.message)
  }
  const end = dialect.halt(state)
  return [...all, Result.isSuccess(end) ? end.success : end.failure.message]
}

const Line = Schema.Struct({
  change: Schema.Literals(["more", "more", "more", "other", "shorter", "none"]),
  piece: Schema.String,
  /** How a vendor may write letters. */
  isEscaped: Schema.Boolean,
  status: Schema.Literals([going, going, going, going, "ALTERNATIVE_STATUS_UNSPECIFIED"]),
  counts: Schema.Literals([0, 1, 9, 10, 123]),
  hasUsage: Schema.Boolean
})

const linesOf = (changes: ReadonlyArray<typeof Line.Type>): ReadonlyArray<string> => {
  let text = ""
  return changes.map(({ change, counts, hasUsage, isEscaped, piece, status }) => {
    if (change === "more") text += piece
    if (change === "other") text = piece
    if (change === "shorter") text = text.slice(0, -1)
    const written = JSON.stringify(
      envelope({ text, status, ...(hasUsage ? { usage: { input: counts, completion: counts } } : {}) })
    )
    return isEscaped
      ? written.replace(/[^\x20-\x7e]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`)
      : written
  })
}

describe("a stream of which most lines are compared", () => {
  it.prop(
    "tells what it tells where each is read whole, whatever their letters, steps and counts",
    { changes: Schema.Array(Line), last: Schema.Literals(["FINAL", "CONTENT_FILTER", "TRUNCATED_FINAL", "none"]) },
    ({ changes, last }) => {
      const end = envelope({ text: "Всё", status: `ALTERNATIVE_STATUS_${last}`, usage: { input: 0, completion: 0 } })
      const lines = last === "none" ? linesOf(changes) : [...linesOf(changes), JSON.stringify(end)]
      assert.deepStrictEqual(told(lines, false), told(lines, true))
    }
  )
})
