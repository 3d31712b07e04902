import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { goDuration, rateHeaders } from "../../src/gateway/RateHeaders.ts"

const window = (limit: number, remaining: number, resetMillis: number) => ({ limit, remaining, resetMillis })

/** What Go's `time.ParseDuration` makes of a duration, in milliseconds. */
const parsed = (text: string): number => {
  const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
  let millis = 0
  const rest = text.replace(/(\d+(?:\.\d+)?)(ms|h|m|s)/g, (_, number: string, unit: keyof typeof units) => {
    millis += Number(number) * units[unit]
    return ""
  })
  assert.strictEqual(rest, "", text)
  return Math.round(millis)
}

describe("a duration", () => {
  for (const [millis, text] of [
    [0, "0s"],
    [-5, "0s"],
    [0.2, "1ms"],
    [120, "120ms"],
    [999.5, "1s"],
    [1000, "1s"],
    [1500, "1.5s"],
    [7123, "7.123s"],
    [59_999, "59.999s"],
    [60_000, "1m0s"],
    [360_000, "6m0s"],
    [61_500, "1m1.5s"],
    [3_600_000, "1h0m0s"],
    [86_341_500, "23h59m1.5s"],
    [86_400_000, "24h0m0s"]
  ] as const) {
    it(`of ${millis} ms is ${text}`, () => {
      assert.strictEqual(goDuration(millis), text)
    })
  }

  it.prop(
    "is what Go reads back, rounded up to a millisecond",
    { millis: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1e9 })) },
    ({ millis }) => {
      assert.strictEqual(parsed(goDuration(millis)), Math.ceil(millis))
    }
  )
})

describe("the limits' headers", () => {
  it("say nothing where no limit holds", () => {
    assert.deepStrictEqual(rateHeaders({}, 0), {})
  })

  it("are OpenAI's and the older ones for requests, OpenAI's alone for tokens", () => {
    const windows = { requestsPerMinute: window(20, 19, 59_500), tokensPerMinute: window(1000, 400, 1200) }
    assert.deepStrictEqual(rateHeaders(windows, 1_700_000_000_250), {
      "x-ratelimit-limit-requests": "20",
      "x-ratelimit-remaining-requests": "19",
      "x-ratelimit-reset-requests": "59.5s",
      "x-ratelimit-limit": "20",
      "x-ratelimit-remaining": "19",
      // Rounded up: nobody who waits until then comes too early.
      "x-ratelimit-reset": "1700000060",
      "x-ratelimit-limit-tokens": "1000",
      "x-ratelimit-remaining-tokens": "400",
      "x-ratelimit-reset-tokens": "1.2s"
    })
  })

  const requests = (minute: ReturnType<typeof window>, day: ReturnType<typeof window>) =>
    rateHeaders({ requestsPerMinute: minute, requestsPerDay: day }, 0)["x-ratelimit-limit-requests"]

  it("tell of the window with the least left", () => {
    assert.strictEqual(requests(window(20, 3, 60_000), window(200, 50, 9e6)), "20")
    assert.strictEqual(requests(window(20, 3, 60_000), window(200, 2, 9e6)), "200")
    const tokens = { tokensPerMinute: window(1000, 900, 100), tokensPerDay: window(5000, 10, 9e6) }
    assert.strictEqual(rateHeaders(tokens, 0)["x-ratelimit-remaining-tokens"], "10")
  })

  it("tell of the longer of two windows that are alike: only after that one are requests let in", () => {
    assert.strictEqual(requests(window(20, 0, 60_000), window(200, 0, 9e6)), "200")
    assert.strictEqual(requests(window(20, 0, 60_000), window(200, 0, 1000)), "20")
  })

  it("tell of a day's window where there is no other", () => {
    assert.strictEqual(rateHeaders({ requestsPerDay: window(200, 7, 1000) }, 0)["x-ratelimit-remaining"], "7")
  })
})
