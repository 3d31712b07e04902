import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { parse } from "../../src/gateway/RequestBody.ts"

const parsed = (text: string) => parse(Buffer.from(text))

const Levels = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))

const nested = (levels: number, inner: string) => `${"[".repeat(levels)}${inner}${"]".repeat(levels)}`

describe("a request's body", () => {
  it("may be nested 64 deep and no deeper", () => {
    assert.isTrue(Result.isSuccess(parsed(nested(64, "1"))))
    const failure = Result.getOrThrow(Result.flip(parsed(nested(65, "1"))))
    assert.strictEqual(failure.reason, "invalid_json")
    assert.isTrue(Result.isFailure(parsed(`{"a":`.repeat(65) + "1" + "}".repeat(65))))
  })

  it("may have any number of brackets beside one another, and in its texts", () => {
    assert.isTrue(Result.isSuccess(parsed(`[${Array.from({ length: 500 }, () => `{"a":[]}`).join()}]`)))
    for (const text of ["[".repeat(500), `\\"${"{".repeat(500)}`, `${"[".repeat(100)}\\\\`]) {
      assert.isTrue(Result.isSuccess(parsed(JSON.stringify({ text }))), text)
    }
  })

  it.prop("is read as JSON.parse reads it, whatever it holds", [Schema.Json, Levels], ([value, levels]) => {
    const text = nested(levels, JSON.stringify(value))
    assert.deepStrictEqual(Result.getOrThrow(parsed(text)), JSON.parse(text))
  })
})
