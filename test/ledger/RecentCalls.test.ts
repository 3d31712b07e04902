import { assert, describe, it } from "@effect/vitest"
import { RecentCalls } from "../../src/ledger/RecentCalls.ts"

const start = { segment: 1, offset: 100 }
const at = (offset: number) => ({ segment: 2, offset })
const call = (number: number) => ({ requestId: `req_${number}`, line: `line ${number}.` })
const idsOf = (calls: RecentCalls) => calls.portion().calls.map(({ requestId }) => requestId)
const has = (calls: RecentCalls, number: number) => calls.lines((line) => line === `line ${number}.`).length === 1

describe("calls that have ended", () => {
  it("are found until they are shipped, the latest 10,000 of them", () => {
    const calls = new RecentCalls(start)
    for (let number = 1; number <= 10_001; number++) {
      calls.add(call(number))
      calls.wrote(1, at(number))
    }
    assert.isFalse(has(calls, 1))
    assert.isTrue(has(calls, 2))
    assert.isTrue(has(calls, 10_001))
    calls.shipped(at(2))
    calls.shipped(at(1))
    assert.isFalse(has(calls, 2))
    assert.isTrue(has(calls, 3))
  })

  it("are to be shipped when they are written, in the order of the journal", () => {
    const calls = new RecentCalls(start)
    for (const number of [1, 2, 3]) calls.add(call(number))
    assert.deepStrictEqual(calls.portion(), { calls: [], until: start })
    assert.isTrue(has(calls, 3))
    calls.wrote(2, at(20))
    calls.wrote(0, at(25))
    calls.wrote(1, at(30))
    assert.deepStrictEqual(idsOf(calls), ["req_1", "req_2", "req_3"])
    assert.deepStrictEqual(calls.portion().until, at(30))
    calls.shipped(at(20))
    assert.deepStrictEqual(idsOf(calls), ["req_3"])
    calls.shipped(at(30))
    calls.wrote(0, at(40))
    assert.deepStrictEqual(calls.portion(), { calls: [], until: at(40) })
  })

  it("are here from where the oldest was forgotten", () => {
    const calls = new RecentCalls(start, 3)
    assert.deepStrictEqual(calls.from, start)
    for (const number of [1, 2, 3]) {
      calls.add(call(number))
      calls.wrote(1, at(number))
    }
    assert.deepStrictEqual(calls.from, start)
    calls.add(call(4))
    assert.deepStrictEqual(calls.from, at(1))
    assert.deepStrictEqual(idsOf(calls), ["req_2", "req_3"])
  })

  it("stay known for as long as nothing can be written", () => {
    const calls = new RecentCalls(start, 3)
    for (const number of [1, 2, 3, 4, 5]) calls.add(call(number))
    assert.isTrue(has(calls, 1))
    calls.wrote(5, at(50))
    assert.strictEqual(idsOf(calls).length, 5)
    assert.deepStrictEqual(calls.from, start)
  })
})
