import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { admitted, at, refused, reservation, stores } from "./stores.ts"

const minute = 60_000
const day = 86_400_000

describe.each(stores)("a limiter store $name", ({ make }) => {
  describe("requests per minute", () => {
    it.effect("are admitted up to the limit; then one is refused and told to the millisecond when to come again", () =>
      Effect.gen(function* () {
        const store = yield* make
        const ask = () => store.reserve(reservation({ rpm: 3 }))
        for (const time of [1000, 1250, 7000]) {
          yield* at(time)
          admitted(yield* ask())
        }
        yield* at(20_000)
        const refusal = refused(yield* ask())
        assert.strictEqual(refusal.reason, "requests_per_minute")
        assert.strictEqual(refusal.limit, 3)
        assert.strictEqual(refusal.remaining, 0)
        assert.strictEqual(refusal.retryAfterMillis, 41_000)

        yield* at(60_999)
        assert.strictEqual(refused(yield* ask()).retryAfterMillis, 1)
        yield* at(61_000)
        admitted(yield* ask())
        assert.strictEqual(refused(yield* ask()).retryAfterMillis, 250)
      })
    )

    it.effect("slide: what was used half a minute ago still counts, what was used a minute ago does not", () =>
      Effect.gen(function* () {
        const store = yield* make
        const burst = Effect.gen(function* () {
          let count = 0
          while ((yield* store.reserve(reservation({ rpm: 20 })))._tag === "Admitted") count += 1
          return count
        })
        yield* at(30_000)
        for (let index = 0; index < 8; index += 1) yield* store.reserve(reservation({ rpm: 20 }))
        yield* at(59_000)
        assert.strictEqual(yield* burst, 12)
        yield* at(30_000 + minute)
        assert.strictEqual(yield* burst, 8)
        yield* at(59_000 + minute)
        assert.strictEqual(yield* burst, 12)
      })
    )

    it.effect("are exactly three of eight that ask at once", () =>
      Effect.gen(function* () {
        const store = yield* make
        const decisions = yield* Effect.all(
          Array.from({ length: 8 }, () => store.reserve(reservation({ rpm: 3 }))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(decisions.filter(({ _tag }) => _tag === "Admitted").length, 3)
      })
    )

    it.effect("tell what remains and when all of it is free again, for an admission and for a refusal", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(10_000)
        const first = admitted(yield* store.reserve(reservation({ rpm: 2 })))
        assert.deepStrictEqual(first.windows.requestsPerMinute, { limit: 2, remaining: 1, resetMillis: minute })
        yield* at(15_000)
        yield* store.reserve(reservation({ rpm: 2 }))
        yield* at(20_000)
        const refusal = refused(yield* store.reserve(reservation({ rpm: 2 })))
        assert.deepStrictEqual(refusal.windows.requestsPerMinute, { limit: 2, remaining: 0, resetMillis: 55_000 })
        assert.isUndefined(refusal.windows.requestsPerDay)
        assert.isUndefined(refusal.windows.tokensPerMinute)
        assert.isUndefined(refusal.windows.tokensPerDay)
      })
    )

    it.effect("wait for as many places as a lowered limit asks for", () =>
      Effect.gen(function* () {
        const store = yield* make
        for (let second = 1; second <= 5; second += 1) {
          yield* at(second * 1000)
          admitted(yield* store.reserve(reservation({ rpm: 5 })))
        }
        assert.strictEqual(refused(yield* store.reserve(reservation({ rpm: 2 }))).retryAfterMillis, 59_000)
        yield* at(5000 + 58_999)
        refused(yield* store.reserve(reservation({ rpm: 2 })))
        yield* at(5000 + 59_000)
        admitted(yield* store.reserve(reservation({ rpm: 2 })))
      })
    )

    it.effect("belong to one subject alone", () =>
      Effect.gen(function* () {
        const store = yield* make
        admitted(yield* store.reserve(reservation({ rpm: 1 }, { subject: "key:a" })))
        refused(yield* store.reserve(reservation({ rpm: 1 }, { subject: "key:a" })))
        admitted(yield* store.reserve(reservation({ rpm: 1 }, { subject: "key:b" })))
      })
    )

    it.effect("neither free a place early nor block for longer than a minute when the clock is set back", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(10 * minute)
        admitted(yield* store.reserve(reservation({ rpm: 1 })))
        yield* at(2 * minute)
        assert.strictEqual(refused(yield* store.reserve(reservation({ rpm: 1 }))).retryAfterMillis, minute)
        yield* at(3 * minute - 1)
        refused(yield* store.reserve(reservation({ rpm: 1 })))
        yield* at(3 * minute)
        admitted(yield* store.reserve(reservation({ rpm: 1 })))
      })
    )

    it.effect("stay within a large limit although they are remembered more coarsely", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(1000)
        for (let index = 0; index < 900; index += 1) {
          yield* at(1000 + index * 3)
          admitted(yield* store.reserve(reservation({ rpm: 900 })))
        }
        const last = 1000 + 899 * 3
        assert.strictEqual(
          refused(yield* store.reserve(reservation({ rpm: 900 }))).retryAfterMillis,
          1000 + minute - last
        )
        const remainingAt = Effect.fn(function* (index: number) {
          yield* at(1000 + index * 3 + minute)
          return admitted(yield* store.reserve(reservation({ rpm: 900 }))).windows.requestsPerMinute?.remaining
        })
        // The first 599 are remembered to the millisecond. The 600th begins a tenth of a second, and leaves with the
        // last of it.
        assert.strictEqual(yield* remainingAt(598), 598)
        assert.strictEqual(yield* remainingAt(599), 597)
        assert.strictEqual(yield* remainingAt(631), 596)
        assert.strictEqual(yield* remainingAt(632), 595 + 34)
      })
    )
  })

  describe("requests per day", () => {
    it.effect("begin anew at midnight UTC, which a refused caller is told to wait for", () =>
      Effect.gen(function* () {
        const store = yield* make
        const ask = () => store.reserve(reservation({ rpd: 2 }))
        yield* at(3 * day + 5000)
        const first = admitted(yield* ask())
        assert.deepStrictEqual(first.windows.requestsPerDay, { limit: 2, remaining: 1, resetMillis: day - 5000 })
        admitted(yield* ask())
        yield* at(4 * day - 1500)
        const refusal = refused(yield* ask())
        assert.strictEqual(refusal.reason, "requests_per_day")
        assert.strictEqual(refusal.retryAfterMillis, 1500)
        yield* at(4 * day)
        assert.strictEqual(admitted(yield* ask()).windows.requestsPerDay?.remaining, 1)
      })
    )
  })
})
