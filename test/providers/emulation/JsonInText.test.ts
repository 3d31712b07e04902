import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { jsonInText } from "../../../src/providers/emulation/JsonInText.ts"

const texts = (answer: string) => jsonInText(answer).map(({ text }) => text)

describe("the JSON in an answer", () => {
  it.each([
    ["alone", ' {"a": 1.0}\n', '{"a": 1.0}'],
    ["behind a byte order mark", '\uFEFF{"a":1}', '{"a":1}'],
    ["in fences", 'Here it is:\n```json\n{"a":1}\n```\nEnjoy!', '{"a":1}'],
    ["in fences of no language", "```\n[1,2]\n```", "[1,2]"],
    ["with fences in its strings", '```json\n{"code":"```js\\nx\\n```"}\n```', '{"code":"```js\\nx\\n```"}'],
    ["amid prose", 'The answer is {"a":{"b":"}"}} as you see', '{"a":{"b":"}"}}'],
    ["with escaped quotes", 'Well, {"a":"\\"}{"} it is', '{"a":"\\"}{"}'],
    ["behind braces that are none", 'In {braces}: {"a":1}', '{"a":1}'],
    ["a bare number", "42", "42"]
  ])("is found %s", (_, answer, expected) => {
    assert.strictEqual(texts(answer)[0], expected)
  })

  it("is every value that may be meant, in order", () => {
    assert.deepStrictEqual(texts('Not {"a":1} but\n```json\n{"a":2}\n```'), ['{"a":2}', '{"a":1}', '{"a":2}'])
  })

  it.each([
    ["nothing", ""],
    ["prose", "It is warm"],
    ["a broken object, whose parts are not taken for it", "{'a': {\"b\":1}}"],
    ["an unfinished object, whose parts are not either", '{"a":{"b":1}, "c":']
  ])("is not found in %s", (_, answer) => {
    assert.deepStrictEqual(texts(answer), [])
  })

  it("is looked for in bounded time", () => {
    assert.deepStrictEqual(texts("[{".repeat(200_000)), [])
    assert.deepStrictEqual(texts("```x\n".repeat(50_000)), [])
    assert.isAtMost(texts("{} ".repeat(50_000)).length, 32)
  })

  it.prop(
    "is any value that was written, whatever stands before it without brackets",
    [Schema.Json, Schema.String],
    ([value, prose]) => {
      const json = JSON.stringify([value])
      const before = prose.replace(/[[\]{}"`\uFEFF]/g, "")
      assert.strictEqual(texts(`${before} ${json} ${before}`)[0], json)
    }
  )
})
