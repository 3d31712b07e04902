import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Exposition, type Sample } from "../../../src/cli/top/Exposition.ts"
import { quantile, quantilesBetween } from "../../../src/cli/top/Quantiles.ts"

const Observation = Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 9 }))
const bounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, Number.POSITIVE_INFINITY]

const bucketsOf = (observed: ReadonlyArray<number>) =>
  bounds.map((bound) => ({ bound, count: observed.filter((value) => value <= bound).length }))

const exposition = (observed: ReadonlyArray<number>, labels: Readonly<Record<string, string>> = {}) =>
  bucketsOf(observed).map(({ bound, count }): Sample => ({
    name: "h_bucket",
    labels: new Map([...Object.entries(labels), ["le", Number.isFinite(bound) ? String(bound) : "+Inf"]]),
    value: count
  }))

describe("a quantile", () => {
  it("is between the bounds of its bucket, as evenly as Prometheus has it", () => {
    const buckets = [
      { bound: 1, count: 0 },
      { bound: 2, count: 10 },
      { bound: 4, count: 10 },
      { bound: 8, count: 20 },
      { bound: Number.POSITIVE_INFINITY, count: 40 }
    ]
    assert.strictEqual(quantile(0.125, buckets), 1.5)
    assert.strictEqual(quantile(0.25, buckets), 2)
    assert.strictEqual(quantile(0.375, buckets), 6)
    assert.strictEqual(quantile(0.5, buckets), 8)
    // Above all bounds, the last one is all that is known.
    assert.strictEqual(quantile(0.95, buckets), 8)
  })

  it("is none of nothing", () => {
    assert.isUndefined(quantile(0.5, []))
    assert.isUndefined(quantile(0.5, bucketsOf([])))
    assert.isUndefined(quantilesBetween(new Exposition([]), new Exposition([]), "h"))
  })

  it.prop(
    "is in the bucket of the observation that has the rank",
    [Schema.NonEmptyArray(Observation), Schema.Literals([0.5, 0.95])],
    ([observed, share]) => {
      const found = quantile(share, bucketsOf(observed)) ?? Number.NaN
      const ranked = observed.toSorted((a, b) => a - b)[Math.ceil(share * observed.length) - 1] ?? Number.NaN
      const bound = bounds.find((bound) => ranked <= bound) ?? Number.NaN
      const below = bounds[bounds.indexOf(bound) - 1] ?? 0
      // A rounding above the bound is not above it.
      assert.isTrue(found >= below && found <= bound + 1e-9, `${found} of ${ranked} from ${below} to ${bound}`)
    }
  )

  it.prop(
    "is of what was observed in between, by all series together",
    [Schema.Array(Observation), Schema.Array(Observation)],
    ([before, since]) => {
      const a = { provider: "a" }
      const b = { provider: "b" }
      const from = new Exposition(exposition(before, a))
      // A series that was not there before has begun with 0.
      const to = new Exposition([...exposition([...before, ...since], a), ...exposition(since, b)])
      const alone = { p50: quantile(0.5, bucketsOf(since)), p95: quantile(0.95, bucketsOf(since)) }
      assert.deepStrictEqual(quantilesBetween(from, to, "h", a), since.length === 0 ? undefined : alone)
      assert.deepStrictEqual(
        quantilesBetween(from, to, "h"),
        since.length === 0
          ? undefined
          : {
              p50: quantile(0.5, bucketsOf([...since, ...since])),
              p95: quantile(0.95, bucketsOf([...since, ...since]))
            }
      )
    }
  )
})
