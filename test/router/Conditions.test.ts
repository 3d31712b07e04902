import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Conditions } from "../../src/router/Conditions.ts"
import { Speed } from "../../src/router/Speed.ts"
import { layerRouting, scripted } from "../support/ScriptedProvider.ts"

const [a, b] = [scripted("a"), scripted("b")]
const subject = layerRouting([a, b])

describe("the condition of a model", () => {
  it.effect("is unknown until somebody has called it, and then the model's own", () =>
    Effect.gen(function* () {
      const conditions = yield* Conditions
      assert.isUndefined(conditions.find(a, "m"))
      const condition = conditions.of(a, "m")
      assert.strictEqual(conditions.find(a, "m"), condition)
      assert.strictEqual(conditions.of(a, "m"), condition)
      assert.notStrictEqual(conditions.of(a, "n"), condition)
      assert.notStrictEqual(conditions.of(b, "m"), condition)
    }).pipe(Effect.provide(subject))
  )

  it.effect("is shared past two hundred of a provider, so that made-up names fill no memory", () =>
    Effect.gen(function* () {
      const conditions = yield* Conditions
      const all = Array.from({ length: 1000 }, (_, index) => conditions.of(a, `made-up-${index}`))
      assert.strictEqual(new Set(all).size, 201)
      assert.strictEqual(conditions.of(a, "made-up-7"), all[7])
      assert.strictEqual(conditions.find(a, "never called"), all[999])
    }).pipe(Effect.provide(subject))
  )

  it.effect("counts for its provider with the worst of its models", () =>
    Effect.gen(function* () {
      const conditions = yield* Conditions
      conditions.of(a, "m")
      assert.strictEqual(conditions.circuit("a", 0), "closed")
      for (let i = 0; i < 10; i++) conditions.of(a, "n").circuit.fail(0)
      assert.strictEqual(conditions.circuit("a", 0), "open")
      assert.strictEqual(conditions.circuit("a", 5000), "half_open")
      assert.strictEqual(conditions.circuit("b", 0), "closed")
    }).pipe(Effect.provide(subject))
  )
})

describe("a model's speed", () => {
  const Millis = Schema.Finite.check(Schema.isBetween({ minimum: 1, maximum: 60_000 }))

  it("counts a peak at once, and forgets it bit by bit", () => {
    const speed = new Speed()
    assert.isUndefined(speed.millis)
    speed.measure(100, 0)
    assert.strictEqual(speed.millis, 100)
    speed.measure(5000, 1000)
    assert.strictEqual(speed.millis, 5000)
    const told: Array<number> = []
    for (let second = 2; second < 60; second++) {
      speed.measure(100, second * 1000)
      told.push(speed.millis ?? 0)
    }
    assert.deepStrictEqual(
      told,
      told.toSorted((a, b) => b - a)
    )
    assert.isAbove(told[0] ?? 0, 4000)
    assert.isBelow(told.at(-1) ?? Infinity, 150)
  })

  it("forgets the faster the longer nothing was measured", () => {
    const after = (millis: number) => {
      const speed = new Speed()
      speed.measure(5000, 0)
      speed.measure(100, millis)
      return speed.millis ?? 0
    }
    assert.isAbove(after(1000), after(30_000))
    assert.approximately(after(30_000), 100 + 4900 / Math.E, 1)
    assert.isBelow(after(600_000), 101)
  })

  it.prop(
    "lies between the least and the most that were measured",
    { measured: Schema.NonEmptyArray(Schema.Struct({ millis: Millis, pause: Millis })) },
    ({ measured }) => {
      const speed = new Speed()
      let now = 0
      for (const { millis, pause } of measured) speed.measure(millis, (now += pause))
      const all = measured.map(({ millis }) => millis)
      assert.isAtLeast(speed.millis ?? 0, Math.min(...all) - 1e-6)
      assert.isAtMost(speed.millis ?? Infinity, Math.max(...all) + 1e-6)
    }
  )
})
