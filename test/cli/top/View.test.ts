import { assert, describe, it } from "@effect/vitest"
import { remember, viewOfAll } from "../../../src/cli/top/History.ts"
import { viewOf } from "../../../src/cli/top/View.ts"
import { after, before, lookOf } from "./looks.ts"

describe("a view of a gateway", () => {
  it("has what the gateway says of now, whatever was before", () => {
    const { lately, ...now } = viewOf(undefined, after)
    assert.isUndefined(lately)
    assert.deepInclude(now, {
      at: 3_610_000,
      status: "up",
      database: "up",
      redis: "down",
      degraded: ["redis"],
      runningFor: 3610,
      activeRequests: 7,
      activeStreams: 3,
      usagePending: 2,
      revocationLag: 1.5,
      eventLoopLag: 0.002,
      residentBytes: 209_715_200,
      openSockets: 12,
      limits: [{ reason: "requests_per_minute", refused: 11, lately: undefined }],
      costs: [{ currency: "RUB", amount: 2.5, lately: undefined }],
      providers: [
        { name: "gigachat", state: "degraded", isCircuitOpen: false, lately: undefined },
        { name: "yandexgpt", state: "down", isCircuitOpen: true, lately: undefined }
      ]
    })
  })

  it("has rates and quantiles of what has happened between two looks", () => {
    const { costs, lately, limits, providers } = viewOf(before, after)
    const { overhead, ...rest } = lately ?? assert.fail("there is nothing")
    assert.approximately(overhead?.p50 ?? 0, 0.001, 1e-9)
    assert.approximately(overhead?.p95 ?? 0, 0.0019, 1e-9)
    assert.deepStrictEqual(rest, {
      seconds: 10,
      requests: 5,
      errorShare: 0.3,
      faults: { caller: 0, policy: 1.1, provider: 0.5, us: 0 },
      disconnects: 0.2,
      duration: { p50: 1, p95: 1.9 },
      firstToken: { p50: 0.25, p95: 0.475 },
      inputTokens: 50,
      outputTokens: 1200,
      processor: 0.5
    })
    assert.deepStrictEqual(limits, [{ reason: "requests_per_minute", refused: 11, lately: 1 }])
    assert.deepStrictEqual(costs, [{ currency: "RUB", amount: 2.5, lately: 0.1 }])
    assert.deepStrictEqual(providers[0]?.lately, {
      requests: 4,
      errorShare: 0.125,
      duration: { p50: 1, p95: 1.9 },
      firstToken: { p50: 0.25, p95: 0.475 },
      outputTokens: 1200
    })
    assert.deepStrictEqual(providers[1]?.lately, {
      requests: 0,
      errorShare: undefined,
      duration: undefined,
      firstToken: undefined,
      outputTokens: 0
    })
  })

  it("of a gateway that nobody asked anything has no share and no quantile, and no rate that is not a number", () => {
    const { lately } = viewOf(lookOf(10, ""), lookOf(10, ""))
    assert.deepInclude(lately, { requests: 0, errorShare: undefined, duration: undefined, overhead: undefined })
  })
})

describe("the looks that are remembered", () => {
  it("are as far apart as time has passed, also where the time of day was set back or forward in between", () => {
    const looks = [10, 12, 14].map((seconds) => lookOf(seconds, `xrouter_requests_total ${seconds * 10}\n`))
    for (const hours of [-1, 1]) {
      const later = lookOf(16, "xrouter_requests_total 160\n")
      const history = remember(looks, { ...later, at: later.at + hours * 3_600_000 }, 5000)
      assert.lengthOf(history, 3)
      assert.deepInclude(viewOfAll(history).lately, { seconds: 4, requests: 10 })
    }
  })

  it("are those at one process, and not older than is said", () => {
    const looks = [0, 2, 4, 6, 8].map((seconds) => lookOf(seconds, ""))
    const history = looks.reduce<ReadonlyArray<(typeof looks)[number]>>((all, look) => remember(all, look, 5000), [])
    assert.deepStrictEqual(
      history.map(({ at }) => at),
      [4000, 6000, 8000]
    )
    const again = remember(history, lookOf(9, "xrouter_process_start_time_seconds 8.5\n"), 5000)
    assert.lengthOf(again, 1)
    assert.isUndefined(viewOfAll(again).lately)
    assert.strictEqual(viewOfAll(remember(history, lookOf(9, ""), 5000)).lately?.seconds, 5)
  })
})
