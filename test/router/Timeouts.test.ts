import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import type { ModelAlias, Timeouts } from "../../src/config/Settings.ts"
import { defaultTimeouts, firstContentLimit } from "../../src/router/Timeouts.ts"

const seconds = (isStream: boolean, own: ModelAlias["timeouts"]): number | undefined => {
  const timeouts: Timeouts = { ...defaultTimeouts, ...own }
  const limit = firstContentLimit(isStream, own, timeouts)
  return limit === undefined ? undefined : Duration.toSeconds(limit)
}

describe("the wait for the first content", () => {
  it("is 60 s in a stream where nothing else is set", () => {
    assert.strictEqual(seconds(true, {}), 60)
  })

  it("is not bound by the first token's default where the answer comes whole", () => {
    assert.isUndefined(seconds(false, {}))
  })

  it("is what the operator has set, streamed or not", () => {
    for (const isStream of [true, false]) {
      assert.strictEqual(seconds(isStream, { firstToken: Duration.seconds(7) }), 7)
      assert.strictEqual(seconds(isStream, { total: Duration.seconds(30) }), 30)
    }
  })

  it("is never longer than all of the answer may take", () => {
    for (const isStream of [true, false]) {
      const own = { firstToken: Duration.seconds(90), total: Duration.seconds(20) }
      assert.strictEqual(seconds(isStream, own), 20)
    }
    assert.strictEqual(seconds(true, { total: Duration.minutes(5) }), 60)
    assert.strictEqual(seconds(false, { total: Duration.minutes(5) }), 300)
  })
})
