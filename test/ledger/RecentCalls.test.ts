import { assert, describe, it } from "@effect/vitest"
import { RecentCalls } from "../../src/ledger/RecentCalls.ts"

describe("calls that have ended", () => {
  it("are found until they are deleted, the latest 10,000 of them", () => {
    const calls = new RecentCalls<number>()
    const has = (call: number) => calls.find((each) => each === call) !== undefined
    for (let call = 1; call <= 10_001; call++) calls.add(`req_${call}`, call)
    assert.isFalse(has(1))
    assert.isTrue(has(2))
    assert.isTrue(has(10_001))
    calls.delete("req_2")
    calls.delete("req_2")
    calls.delete("req_1")
    assert.isFalse(has(2))
    assert.isTrue(has(3))
  })
})
