import { assert, describe, it } from "@effect/vitest"
import { makeAnswerId, makeRequestId, randomHex } from "../../src/gateway/Ids.ts"

describe("an id", () => {
  it("says what it is of, and holds 32 hexadecimal digits", () => {
    assert.match(makeRequestId(), /^req_[0-9a-f]{32}$/)
    assert.match(makeAnswerId("chatcmpl-"), /^chatcmpl-[0-9a-f]{32}$/)
    assert.match(randomHex(), /^[0-9a-f]{32}$/)
  })

  it("is never given twice", () => {
    const ids = Array.from({ length: 10_000 }, makeRequestId)
    assert.strictEqual(new Set(ids).size, ids.length)
  })
})
