import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { admitted, at, refused, reservation, stores } from "./stores.ts"

const minute = 60_000
const day = 86_400_000

describe.each(stores)("a limiter store $name", ({ make }) => {
  describe("all limits together", () => {
    it.effect("consume nothing when one of them refuses", () =>
      Effect.gen(function* () {
        const store = yield* make
        const limits = { rpm: 10, rpd: 10, tpm: 100, tpd: 100, concurrency: 1 }
        const running = reservation(limits, { tokens: 10 })
        admitted(yield* store.reserve(running))
        for (let index = 0; index < 5; index += 1) {
          assert.strictEqual(refused(yield* store.reserve(reservation(limits, { tokens: 10 }))).reason, "concurrency")
        }
        yield* store.settle(running, 10)
        const { windows } = admitted(yield* store.reserve(reservation(limits, { tokens: 10 })))
        assert.strictEqual(windows.requestsPerMinute?.remaining, 8)
        assert.strictEqual(windows.requestsPerDay?.remaining, 8)
        assert.strictEqual(windows.tokensPerMinute?.remaining, 80)
        assert.strictEqual(windows.tokensPerDay?.remaining, 80)
      })
    )

    it.effect("take no place among the running requests when another limit refuses", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(1000)
        admitted(yield* store.reserve(reservation({ rpm: 1 })))
        for (let index = 0; index < 3; index += 1) {
          refused(yield* store.reserve(reservation({ rpm: 1, concurrency: 1 })))
        }
        admitted(yield* store.reserve(reservation({ concurrency: 1 })))
      })
    )

    it.effect("can be looked at, which consumes nothing of them and shows what is left", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(1000)
        const limits = { rpm: 2, rpd: 10, tpm: 100, tpd: 1000, concurrency: 1 }
        const fresh = yield* store.look("key:one", limits)
        assert.deepStrictEqual(fresh.requestsPerMinute, { limit: 2, remaining: 2, resetMillis: 0 })
        admitted(yield* store.reserve(reservation(limits, { tokens: 30 })))
        for (let index = 0; index < 5; index += 1) {
          const windows = yield* store.look("key:one", limits)
          assert.deepStrictEqual(windows.requestsPerMinute, { limit: 2, remaining: 1, resetMillis: minute })
          assert.strictEqual(windows.requestsPerDay?.remaining, 9)
          assert.strictEqual(windows.tokensPerMinute?.remaining, 70)
          assert.strictEqual(windows.tokensPerDay?.remaining, 970)
        }
        assert.deepStrictEqual((yield* store.look("key:one", { rpd: 10 })).requestsPerMinute, undefined)
      })
    )

    it.effect("refuse for the reason that lasts longest", () =>
      Effect.gen(function* () {
        const store = yield* make
        const limits = { rpm: 1, rpd: 1, tpm: 10, concurrency: 1 }
        yield* at(day - 20_000)
        admitted(yield* store.reserve(reservation(limits, { tokens: 10 })))
        const shortly = refused(yield* store.reserve(reservation(limits, { tokens: 10 })))
        assert.strictEqual(shortly.reason, "requests_per_minute")
        assert.strictEqual(shortly.retryAfterMillis, minute)

        yield* at(day + 40_000)
        admitted(yield* store.reserve(reservation(limits, { tokens: 10 })))
        const today = refused(yield* store.reserve(reservation(limits, { tokens: 10 })))
        assert.strictEqual(today.reason, "requests_per_day")
        assert.strictEqual(today.retryAfterMillis, day - 40_000)
      })
    )
  })
})
