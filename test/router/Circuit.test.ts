import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Circuit, type CircuitRules } from "../../src/router/Circuit.ts"

const rules: CircuitRules = { failures: 3, cooldown: 10_000 }

const opened = (at = 0): Circuit => {
  const circuit = new Circuit(rules)
  for (let i = 0; i < rules.failures; i++) circuit.fail(at)
  return circuit
}

describe("a circuit", () => {
  it("lets calls through until so many have failed in a row, and then none", () => {
    const circuit = new Circuit(rules)
    assert.deepStrictEqual([circuit.fail(1), circuit.fail(2)], [false, false])
    assert.strictEqual(circuit.admit(2), "free")
    assert.isTrue(circuit.fail(3))
    assert.strictEqual(circuit.stateAt(3), "open")
    assert.strictEqual(circuit.admit(3), "refused")
    assert.strictEqual(circuit.waitAt(1003), 9000)
  })

  it("counts anew after an answer, and after a minute without a failure", () => {
    const circuit = new Circuit(rules)
    for (let round = 0; round < 5; round++) {
      assert.deepStrictEqual([circuit.fail(round), circuit.fail(round), circuit.succeed()], [false, false, false])
    }
    for (let minute = 1; minute < 9; minute++) assert.isFalse(circuit.fail(minute * 61_000))
  })

  it("is not reset by an answer that begins and breaks", () => {
    const circuit = new Circuit(rules)
    for (let i = 0; i < 2; i++) {
      circuit.begin()
      assert.isFalse(circuit.fail(i))
    }
    circuit.begin()
    assert.isTrue(circuit.fail(3))
  })

  it("lets one call try when its cooldown is over, and tells the others to wait", () => {
    const circuit = opened()
    assert.strictEqual(circuit.admit(9999), "refused")
    assert.strictEqual(circuit.stateAt(10_000), "half_open")
    assert.isUndefined(circuit.waitAt(10_000))
    assert.strictEqual(circuit.admit(10_000), "probe")
    assert.strictEqual(circuit.admit(10_000), "refused")
    assert.isAbove(circuit.waitAt(10_000) ?? 0, 0)
  })

  it("closes when that call is answered", () => {
    const circuit = opened()
    circuit.admit(10_000)
    assert.isTrue(circuit.succeed())
    assert.strictEqual(circuit.stateAt(10_000), "closed")
    assert.strictEqual(circuit.admit(10_000), "free")
    assert.isFalse(circuit.fail(10_001))
  })

  it("closes when the answer begins, and opens at the next failure", () => {
    const circuit = opened()
    circuit.admit(10_000)
    assert.isTrue(circuit.begin())
    assert.strictEqual(circuit.admit(10_001), "free")
    assert.isTrue(circuit.fail(10_002))
  })

  it("stays open twice as long each time that the call fails, up to a minute", () => {
    const circuit = opened()
    let now = 0
    const waits: Array<number | undefined> = []
    for (let i = 0; i < 5; i++) {
      now += circuit.waitAt(now) ?? 0
      assert.strictEqual(circuit.admit(now), "probe")
      assert.isTrue(circuit.fail(now))
      waits.push(circuit.waitAt(now))
    }
    assert.deepStrictEqual(waits, [20_000, 40_000, 60_000, 60_000, 60_000])
  })

  it("lets another call try where the first one was given up", () => {
    const circuit = opened()
    circuit.admit(10_000)
    circuit.abandon()
    assert.strictEqual(circuit.admit(10_000), "probe")
  })

  it("is not kept open by calls that were under way when it opened", () => {
    const circuit = opened()
    for (let i = 0; i < 10; i++) assert.isFalse(circuit.fail(5000))
    assert.strictEqual(circuit.admit(10_000), "probe")
  })

  const Step = Schema.Literals(["call and fail", "call and succeed", "call and leave", "wait"])
  it.prop(
    "never admits two probes at once, and never keeps everybody out for longer than its longest cooldown",
    { steps: Schema.Array(Step).check(Schema.isMaxLength(60)) },
    ({ steps }) => {
      const circuit = new Circuit(rules)
      let now = 0
      for (const step of steps) {
        now += step === "wait" ? 4000 : 1
        if (step === "wait") continue
        const admittance = circuit.admit(now)
        if (admittance === "refused") {
          assert.isAbove(circuit.waitAt(now) ?? 0, 0)
          assert.isAtMost(circuit.waitAt(now) ?? Infinity, 60_000)
          continue
        }
        if (admittance === "probe") assert.strictEqual(circuit.admit(now), "refused")
        if (step === "call and fail") circuit.fail(now)
        else if (step === "call and succeed") circuit.succeed()
        else if (admittance === "probe") circuit.abandon()
      }
    }
  )
})
