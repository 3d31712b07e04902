import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { growthOf, quantile, spreadOf } from "../../bench/statistics.ts"

const Values = Schema.Array(Schema.Int).check(Schema.isMinLength(1), Schema.isMaxLength(50))

describe("spreadOf", () => {
  it("tells the median and the middle half, whatever the order", () => {
    assert.deepStrictEqual(spreadOf([5, 1, 4, 2, 3]), { median: 3, low: 2, high: 4 })
    assert.strictEqual(spreadOf([4, 1, 3, 2]).median, 2.5)
  })

  it("is no number where nothing was measured", () => {
    assert.isNaN(spreadOf([]).median)
    assert.isNaN(quantile([], 0.99))
  })

  it.prop("keeps the median within the middle half, and that within the values", [Values], ([values]) => {
    const { high, low, median } = spreadOf(values)
    assert.isTrue(Math.min(...values) <= low && low <= median && median <= high && high <= Math.max(...values))
  })
})

describe("growthOf", () => {
  it("compares the last third with the one before, and passes over the first", () => {
    assert.strictEqual(growthOf([10, 50, 90, 100, 100, 100, 110, 110, 110]).toFixed(2), "0.10")
    assert.strictEqual(growthOf([10, 50, 90, 100, 100, 100, 100, 100, 100]), 0)
  })

  it("is not misled by one heap before its collection", () => {
    assert.strictEqual(growthOf([100, 100, 100, 100, 100, 100, 100, 400, 100]), 0)
  })
})
