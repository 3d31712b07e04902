import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { order, type Weighted } from "../../src/router/Policy.ts"
import { defaultPatience } from "../../src/router/Timeouts.ts"
import { scripted } from "../support/ScriptedProvider.ts"

const provider = scripted("any")
const candidates = (weights: ReadonlyArray<number>): ReadonlyArray<Weighted> =>
  weights.map((weight, index) => ({ provider, model: `model-${index}`, weight, patience: defaultPatience }))
const models = (ordered: ReturnType<typeof order>): Array<string> => ordered.map(({ model }) => model)
const unmeasured = () => undefined

const Strategy = Schema.Literals(["ordered", "weighted", "fastest", "cheapest"])
const Weights = Schema.Array(Schema.Finite.check(Schema.isBetween({ minimum: 0.001, maximum: 1e6 }))).check(
  Schema.isMaxLength(12)
)
const Chance = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.999_999_999 }))
const Speeds = Schema.Array(Schema.UndefinedOr(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1e5 }))))

describe("the order of candidates", () => {
  it.prop(
    "holds every candidate exactly once, whatever the strategy, the weights, the chance and the speeds",
    { strategy: Strategy, weights: Weights, random: Chance, speeds: Speeds },
    ({ random, speeds, strategy, weights }) => {
      const all = candidates(weights)
      const ordered = order(strategy, all, {
        random,
        firstContent: ({ model }) => speeds[Number(model.slice("model-".length))]
      })
      assert.deepStrictEqual(models(ordered).sort(), models(all).sort())
    }
  )

  it("is that of the file with `ordered`, whatever is known", () => {
    const all = candidates([1, 9, 5])
    assert.deepStrictEqual(order("ordered", all, { random: 0.99, firstContent: () => Math.PI }), all)
  })
})

describe("the cheapest", () => {
  it.prop(
    "comes first, the unknown last, and equals stay in the file's order",
    { costs: Schema.Array(Schema.UndefinedOr(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 3 })))) },
    ({ costs }) => {
      const all: ReadonlyArray<Weighted> = candidates(costs.map(() => 1)).map((candidate, index) => ({
        ...candidate,
        cost: costs[index]
      }))
      const ordered = order("cheapest", all, { random: 0, firstContent: unmeasured })
      for (const [index, candidate] of ordered.entries()) {
        const before = ordered[index - 1]
        if (before === undefined) continue
        const [a, b] = [before.cost ?? Infinity, candidate.cost ?? Infinity]
        assert.isTrue(a < b || (a === b && all.indexOf(before) < all.indexOf(candidate)))
      }
    }
  )
})

describe("a weighted draw", () => {
  it("gives each candidate the share of its weight", () => {
    const all = candidates([3, 1, 0.5, 5.5])
    const draws = 10_000
    const first = new Map<string, number>()
    for (let i = 0; i < draws; i++) {
      const [model = ""] = models(order("weighted", all, { random: i / draws, firstContent: unmeasured }))
      first.set(model, (first.get(model) ?? 0) + 1)
    }
    for (const { model, weight } of all) {
      assert.approximately((first.get(model) ?? 0) / draws, weight / 10, 1 / draws, model)
    }
  })

  it("leaves the others in the file's order behind the one drawn", () => {
    const all = candidates([1, 1, 1])
    assert.deepStrictEqual(models(order("weighted", all, { random: 0.5, firstContent: unmeasured })), [
      "model-1",
      "model-0",
      "model-2"
    ])
  })

  it("draws the last one where rounding has left a rest", () => {
    const ordered = order("weighted", candidates([0.1, 0.2, 0.3]), { random: 1 - 2 ** -53, firstContent: unmeasured })
    assert.strictEqual(models(ordered)[0], "model-2")
  })
})

describe("the fastest", () => {
  const speeds = new Map([
    ["model-0", 300],
    ["model-1", 100],
    ["model-3", 200]
  ])

  it("comes first, after those that nobody has measured yet", () => {
    const ordered = order("fastest", candidates([1, 1, 1, 1]), {
      random: 0,
      firstContent: ({ model }) => speeds.get(model)
    })
    assert.deepStrictEqual(models(ordered), ["model-2", "model-1", "model-3", "model-0"])
  })

  it("gives way to each of the others now and then, one time in twenty", () => {
    const all = candidates([1, 1, 1])
    const millis = new Map([
      ["model-0", 300],
      ["model-1", 100],
      ["model-2", 200]
    ])
    const firsts = new Map<string, number>()
    const draws = 1000
    for (let i = 0; i < draws; i++) {
      const [model = ""] = models(
        order("fastest", all, { random: i / draws, firstContent: ({ model }) => millis.get(model) })
      )
      firsts.set(model, (firsts.get(model) ?? 0) + 1)
    }
    assert.deepStrictEqual([firsts.get("model-0"), firsts.get("model-1"), firsts.get("model-2")], [25, 950, 25])
  })

  it("is the file's first where all are alike", () => {
    const all = candidates([1, 2, 3])
    assert.deepStrictEqual(order("fastest", all, { random: 0.7, firstContent: () => 50 }), all)
    assert.deepStrictEqual(order("fastest", all, { random: 0.7, firstContent: unmeasured }), all)
  })
})
