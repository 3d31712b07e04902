import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import type { ModelAlias, Timeouts } from "../../src/config/Settings.ts"
import { defaultTimeouts, firstContentLimit, longestTotal, patienceOf } from "../../src/router/Timeouts.ts"
import { alias } from "../support/ScriptedProvider.ts"
import { openAiSettings } from "../support/Upstreams.ts"

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

describe("a candidate's patience", () => {
  it("is the model's own over its provider's over the defaults", () => {
    const patience = patienceOf(
      { firstToken: Duration.seconds(7), idle: Duration.seconds(3) },
      { firstToken: Duration.seconds(9), total: Duration.seconds(30) }
    )
    assert.deepStrictEqual(patience, {
      stream: 7000,
      whole: 7000,
      total: 30_000,
      isTotalExact: true,
      timers: { connect: undefined, idle: 3000 }
    })
  })

  it("leaves everything to the transport where nothing is set", () => {
    assert.deepStrictEqual(patienceOf(undefined, {}), {
      stream: 60_000,
      whole: undefined,
      total: 600_000,
      isTotalExact: false,
      timers: undefined
    })
  })
})

describe("the longest time of a request", () => {
  const total = (minutes: number) => ({ timeouts: { total: Duration.minutes(minutes) } })
  const longest = (provider: number, model: number) =>
    Duration.toMinutes(
      longestTotal({
        providers: new Map([
          ["a", { ...openAiSettings("http://127.0.0.1:1"), ...total(provider) }],
          ["sandbox", { kind: "sandbox" }]
        ]),
        models: new Map([["smart", alias(["a/m"], total(model))]])
      })
    )

  it("is the longest that any provider or model has, and no less than that of those which say nothing", () => {
    assert.deepStrictEqual([longest(12, 1), longest(1, 13), longest(1, 2)], [12, 13, 10])
  })
})
