import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { tokenCount } from "../../src/domain/Usage.ts"

const most = 2 ** 31 - 1

describe("tokenCount", () => {
  it("reads numbers, and numbers in strings as YandexGPT sends them", () => {
    assert.strictEqual(tokenCount(12), 12)
    assert.strictEqual(tokenCount("12"), 12)
  })

  it("credits nobody: what is negative, broken or no number counts as nothing", () => {
    for (const value of [-1, "-5", Number.NaN, Number.NEGATIVE_INFINITY, "many", "", null, undefined, {}, [7], true]) {
      assert.strictEqual(tokenCount(value), 0, String(value))
    }
  })

  it("clamps what is huge, and drops fractions", () => {
    assert.strictEqual(tokenCount(1e300), most)
    assert.strictEqual(tokenCount(Number.POSITIVE_INFINITY), 0)
    assert.strictEqual(tokenCount(3.9), 3)
  })

  it.effect.prop("is a whole number that a 32-bit counter holds, whatever comes", [Schema.Json], ([value]) =>
    Effect.sync(() => {
      const count = tokenCount(value)
      assert.isTrue(Number.isInteger(count) && count >= 0 && count <= most)
    })
  )
})
