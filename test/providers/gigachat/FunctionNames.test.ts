import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { functionNames } from "../../../src/providers/gigachat/FunctionNames.ts"

describe("The names of functions", () => {
  it("are kept where GigaChat takes them, and made fit where not", () => {
    const names = functionNames(["a.b", "a/b", "a_b", "web_search", "погода", "", "x".repeat(80), "get-it"])
    const lowered = ["a.b", "a/b", "a_b", "web_search", "погода", "", "x".repeat(80), "get-it"].map(names.toGigaChat)
    assert.deepStrictEqual(lowered, [
      "a_b_2",
      "a_b_3",
      "a_b",
      "web_search_2",
      "______",
      "function",
      "x".repeat(64),
      "get-it"
    ])
    assert.isUndefined(names.fromGigaChat("web_search"))
  })

  const name = Schema.Union([
    Schema.String,
    Schema.Literals(["a.b", "a/b", "a_b", "a_b_2", "web_search", "web.search", "web_search_2", "x".repeat(64)])
  ])
  it.effect.prop("come back as they were, and none is another's", { given: Schema.Array(name) }, ({ given }) =>
    Effect.sync(() => {
      const names = functionNames(given)
      const lowered = given.map(names.toGigaChat)
      assert.deepStrictEqual(lowered.map(names.fromGigaChat), [...given])
      assert.strictEqual(new Set(lowered).size, new Set(given).size)
      for (const name of lowered) {
        assert.match(name, /^[A-Za-z0-9_-]{1,64}$/)
        assert.notStrictEqual(name, "web_search")
      }
    })
  )
})
