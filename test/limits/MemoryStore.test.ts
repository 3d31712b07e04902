import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { TestClock } from "effect/testing"
import { makeMemoryStore } from "../../src/limits/MemoryStore.ts"
import { admitted, refused, reservation } from "./stores.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("the memory of a limiter", () => {
  it.effect("forgets subjects that nobody asks for any more, while others come", () =>
    Effect.gen(function* () {
      const { store, subjects } = yield* makeMemoryStore
      let most = 0
      for (let index = 0; index < 100_000; index += 1) {
        if (index % 100 === 0) yield* TestClock.setTime(index * 10)
        const asked = reservation({ rpm: 5, tpm: 100, concurrency: 2 }, { subject: `key:${index}`, tokens: 10 })
        yield* store.reserve(asked)
        yield* store.settle(asked, 10)
        most = Math.max(most, subjects())
      }
      // A hundred come each second, so that 6,000 have used something within the last minute.
      assert.isAtMost(most, 12_000)
    })
  )

  it.effect.prop(
    "admits exactly the limit of four times as many that ask at once, in each of a hundred minutes",
    { rpm: between(1, 100), pauses: Schema.Array(between(60_000, 120_000)).check(Schema.isMinLength(100)) },
    ({ pauses, rpm }) =>
      Effect.gen(function* () {
        const { store } = yield* makeMemoryStore
        let now = 0
        for (const pause of pauses) {
          const decisions = yield* Effect.all(
            Array.from({ length: 4 * rpm }, () =>
              Effect.andThen(
                Effect.yieldNow,
                Effect.suspend(() => store.reserve(reservation({ rpm })))
              )
            ),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(decisions.filter(({ _tag }) => _tag === "Admitted").length, rpm)
          yield* TestClock.setTime((now += pause))
        }
      }),
    { arbitrary: { runs: 10 } }
  )

  it.effect("keeps whoever has used something that still counts", () =>
    Effect.gen(function* () {
      const { store } = yield* makeMemoryStore
      const running = reservation({ concurrency: 1 }, { subject: "running" })
      const daily = () => reservation({ rpd: 1 }, { subject: "daily" })
      admitted(yield* store.reserve(running))
      admitted(yield* store.reserve(daily()))
      for (let minute = 1; minute <= 20; minute += 1) {
        yield* TestClock.setTime(minute * 20_000)
        yield* store.renew([running])
        for (let index = 0; index < 100; index += 1) {
          yield* store.reserve(reservation({ rpm: 1 }, { subject: `other:${minute}:${index}` }))
        }
      }
      refused(yield* store.reserve(reservation({ concurrency: 1 }, { subject: "running" })))
      refused(yield* store.reserve(daily()))
    })
  )
})
