import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { InternalError } from "../../src/domain/Errors.ts"
import { type DegradedStoreOptions, makeDegradedStore } from "../../src/limits/DegradedStore.ts"
import type { Reservation } from "../../src/limits/LimiterStore.ts"
import { makeMemoryStore } from "../../src/limits/MemoryStore.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { admitted, refused, reservation } from "./stores.ts"

const quietMetrics = Layer.merge(Metrics.layer, Logger.layer([]))

/** A shared store that can be taken away, and counts how often it was asked to decide. */
const switchable = Effect.gen(function* () {
  const { store } = yield* makeMemoryStore
  const state = {
    away: undefined as string | undefined,
    asked: 0,
    adopted: [] as ReadonlyArray<Reservation>,
    /** What another instance asks of it. */
    elsewhere: store.reserve
  }
  const shared: DegradedStoreOptions["shared"] = {
    ...store,
    adopt: (reservations) => Effect.sync(() => void (state.adopted = reservations)),
    reserve: (asked) =>
      Effect.suspend(() => {
        state.asked += 1
        if (state.away === undefined) return Effect.flatMap(Effect.yieldNow, () => store.reserve(asked))
        const cause = new Error(state.away)
        return Effect.fail(new InternalError({ reason: "limiter_unavailable", message: "away", cause }))
      })
  }
  return { shared, state }
})

const make = (options: Partial<DegradedStoreOptions> = {}, away?: string) =>
  Effect.gen(function* () {
    const { shared, state } = yield* switchable
    state.away = away
    const store = yield* makeDegradedStore({ mode: "share", expectedInstances: 1, ...options, shared })
    state.asked = 0
    const burst = (rpm: number, subject = "key:one") =>
      Effect.gen(function* () {
        let count = 0
        while ((yield* store.reserve(reservation({ rpm }, { subject })))._tag === "Admitted") count += 1
        return count
      })
    return { store, state, burst }
  })

const isTold = (value: 0 | 1) =>
  Effect.flatMap(Metrics, ({ render }) =>
    Effect.map(render, (text) => assert.include(text, `xrouter_degraded{component="redis"} ${value}`))
  )

describe("a shared limiter that may be away", () => {
  it.effect("decides by the shared store as long as it answers", () =>
    Effect.gen(function* () {
      const { burst, state, store } = yield* make({ mode: "closed" })
      assert.strictEqual(yield* burst(5), 5)
      assert.strictEqual(state.asked, 6)
      assert.isFalse(store.degraded())
    }).pipe(Effect.provide(quietMetrics))
  )

  it.effect("takes one call that many waited for in vain for one failure", () =>
    Effect.gen(function* () {
      const { shared } = yield* switchable
      let cause: Error | undefined
      const failing: DegradedStoreOptions["shared"] = {
        ...shared,
        reserve: (asked) =>
          Effect.suspend(() =>
            cause === undefined
              ? shared.reserve(asked)
              : Effect.fail(new InternalError({ reason: "limiter_unavailable", message: "away", cause }))
          )
      }
      const store = yield* makeDegradedStore({ mode: "share", expectedInstances: 1, shared: failing })
      for (const [calls, isOpen] of [
        [1, false],
        [2, false],
        [3, true]
      ] as const) {
        cause = new Error(`No answer to call ${calls}`)
        for (let waiting = 0; waiting < 10; waiting++) admitted(yield* store.reserve(reservation({ rpm: 100 })))
        assert.strictEqual(store.degraded(), isOpen)
      }
    }).pipe(Effect.provide(quietMetrics))
  )

  it.effect("asks it three times more when it is gone, and then no more", () =>
    Effect.gen(function* () {
      const { state, store } = yield* make()
      state.away = "connect ECONNREFUSED"
      for (let index = 0; index < 10; index += 1) {
        assert.strictEqual(store.degraded(), index >= 3)
        admitted(yield* store.reserve(reservation({ rpm: 20 })))
      }
      assert.strictEqual(state.asked, 3)
      yield* isTold(1)
    }).pipe(Effect.provide(quietMetrics))
  )

  it.effect("does not take a failure now and then for an outage, and answers it all the same", () =>
    Effect.gen(function* () {
      const { state, store } = yield* make()
      for (let index = 0; index < 10; index += 1) {
        state.away = index % 3 === 2 ? undefined : "No answer"
        admitted(yield* store.reserve(reservation({ rpm: 20 })))
      }
      assert.strictEqual(state.asked, 10)
      assert.isFalse(store.degraded())
    }).pipe(Effect.provide(quietMetrics))
  )

  it.effect("is asked again within half a second of its return", () =>
    Effect.gen(function* () {
      const { state, store } = yield* make({ mode: "closed" }, "connect ECONNREFUSED")
      yield* isTold(1)
      yield* Effect.flip(store.reserve(reservation({ rpm: 20 })))
      yield* TestClock.adjust("5 seconds")
      assert.isTrue(store.degraded())
      state.away = undefined
      yield* TestClock.adjust("500 millis")
      assert.isFalse(store.degraded())
      admitted(yield* store.reserve(reservation({ rpm: 20 })))
      yield* isTold(0)
    }).pipe(Effect.provide(quietMetrics))
  )

  it.effect("refuses to start with a Redis user that may not do what is needed", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(make({}, "NOPERM User limited has no permissions to run the 'evalsha' command"))
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, "REDIS_URL: this user lacks rights")
    }).pipe(Effect.provide(quietMetrics))
  )

  describe("share", () => {
    it.effect("lets each instance allow its part of the limit, rounded down, and one where that is nothing", () =>
      Effect.gen(function* () {
        const { burst } = yield* make({ expectedInstances: 3 }, "away")
        assert.strictEqual(yield* burst(20, "key:a"), 6)
        assert.strictEqual(yield* burst(3, "key:b"), 1)
        assert.strictEqual(yield* burst(2, "key:c"), 1)
      }).pipe(Effect.provide(quietMetrics))
    )

    it.effect("divides the other limits too, and tells the client what it is held to", () =>
      Effect.gen(function* () {
        const { store } = yield* make({ expectedInstances: 2 }, "away")
        const limits = { rpd: 10, tpm: 100, tpd: 1000, concurrency: 3 }
        const { windows } = admitted(yield* store.reserve(reservation(limits, { tokens: 20 })))
        assert.strictEqual(windows.requestsPerDay?.limit, 5)
        assert.strictEqual(windows.tokensPerMinute?.remaining, 30)
        assert.strictEqual(windows.tokensPerDay?.remaining, 480)
        assert.strictEqual(refused(yield* store.reserve(reservation(limits, { tokens: 20 }))).reason, "concurrency")
      }).pipe(Effect.provide(quietMetrics))
    )

    it.effect(
      "goes on in the windows that were begun with the shared store: a change gives nobody a second minute",
      () =>
        Effect.gen(function* () {
          const { burst, state, store } = yield* make()
          for (let index = 0; index < 3; index += 1) admitted(yield* store.reserve(reservation({ rpm: 5 })))
          state.away = "No answer"
          assert.strictEqual(yield* burst(5), 2)
          yield* TestClock.adjust("59 seconds")
          assert.strictEqual(yield* burst(5), 0)
          yield* TestClock.adjust("1 seconds")
          assert.strictEqual(yield* burst(5), 5)
        }).pipe(Effect.provide(quietMetrics))
    )

    it.effect("knows the requests that were running before, and takes back their places and tokens", () =>
      Effect.gen(function* () {
        const { state, store } = yield* make()
        const limits = { concurrency: 1, tpm: 100 }
        const running = reservation(limits, { tokens: 90 })
        admitted(yield* store.reserve(running))
        state.away = "No answer"
        assert.strictEqual(refused(yield* store.reserve(reservation(limits, { tokens: 5 }))).reason, "concurrency")
        yield* store.settle(running, 10)
        yield* store.settle(running, 10)
        const { windows } = admitted(yield* store.reserve(reservation(limits, { tokens: 70 })))
        assert.strictEqual(windows.tokensPerMinute?.remaining, 20)
      }).pipe(Effect.provide(quietMetrics))
    )

    it.effect("keeps renewing the places of requests that go on", () =>
      Effect.gen(function* () {
        const { store } = yield* make({}, "away")
        const running = reservation({ concurrency: 1 })
        admitted(yield* store.reserve(running))
        for (let index = 0; index < 5; index += 1) {
          yield* TestClock.adjust("20 seconds")
          yield* store.renew([running])
          refused(yield* store.reserve(reservation({ concurrency: 1 })))
        }
      }).pipe(Effect.provide(quietMetrics))
    )
  })

  it.effect("says of each decision that it made alone that it did, from the first on", () =>
    Effect.gen(function* () {
      const { state, store } = yield* make()
      const told: Array<boolean> = []
      for (const away of [undefined, "No answer", undefined, "away", "away", "away", "away"]) {
        state.away = away
        told.push((yield* store.reserve(reservation({ rpm: 5 }))).isDegraded === true)
      }
      assert.deepStrictEqual(told, [false, true, false, true, true, true, true])
      assert.isTrue((yield* store.reserve(reservation({ rpm: 5 }))).isDegraded)
    }).pipe(Effect.provide(quietMetrics))
  )

  describe("when it is back", () => {
    const outage = Effect.fn(function* (options: Partial<DegradedStoreOptions> = {}) {
      const made = yield* make(options, "connect ECONNREFUSED")
      const back = Effect.suspend(() => {
        made.state.away = undefined
        return TestClock.adjust("500 millis")
      })
      return { ...made, back }
    })

    it.effect("admits to a minute that began without it only what is left of the limit", () =>
      Effect.gen(function* () {
        const { back, burst, store } = yield* outage()
        for (let index = 0; index < 3; index += 1) admitted(yield* store.reserve(reservation({ rpm: 5 })))
        yield* back
        assert.strictEqual(yield* burst(5), 2)
        yield* TestClock.adjust("59 seconds")
        assert.strictEqual(yield* burst(5), 0)
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* burst(5), 3)
        yield* TestClock.adjust("500 millis")
        assert.strictEqual(yield* burst(5), 2)
      }).pipe(Effect.provide(quietMetrics))
    )

    it.effect("admits exactly the limit of many that ask at once, whether it has forgotten all or nothing", () =>
      Effect.gen(function* () {
        const { back, state, store } = yield* outage()
        yield* back
        const subjects = ["key:one", "key:two"]
        state.away = "No answer"
        for (let index = 0; index < 3; index += 1) yield* store.reserve(reservation({ rpm: 100 }, { subject: "key:x" }))
        for (let index = 0; index < 4; index += 1)
          yield* store.reserve(reservation({ rpm: 10 }, { subject: "key:one" }))
        yield* back
        for (const subject of subjects) {
          const decisions = yield* Effect.all(
            Array.from({ length: 40 }, () => store.reserve(reservation({ rpm: 10, rpd: 30 }, { subject }))),
            { concurrency: "unbounded" }
          )
          const count = decisions.filter(({ _tag }) => _tag === "Admitted").length
          assert.strictEqual(count, subject === "key:one" ? 6 : 10, subject)
        }
      }).pipe(Effect.provide(quietMetrics))
    )

    it.effect("takes back from the memory what it refuses itself", () =>
      Effect.gen(function* () {
        const { back, state, store } = yield* outage({ expectedInstances: 2 })
        yield* back
        const limits = { rpm: 4, rpd: 100, tpm: 1000, tpd: 5000, concurrency: 4 }
        const elsewhere = Array.from({ length: 3 }, () => reservation(limits, { tokens: 10 }))
        for (const asked of elsewhere) yield* state.elsewhere(asked)
        admitted(yield* store.reserve(reservation(limits, { tokens: 10 })))
        for (let index = 0; index < 5; index += 1) refused(yield* store.reserve(reservation(limits, { tokens: 10 })))
        state.away = "No answer"
        // The memory has counted one of this instance's two.
        const { windows } = admitted(yield* store.reserve(reservation(limits, { tokens: 10 })))
        assert.strictEqual(windows.requestsPerMinute?.remaining, 0)
        assert.strictEqual(windows.requestsPerDay?.remaining, 48)
        assert.strictEqual(windows.tokensPerMinute?.remaining, 480)
        assert.strictEqual(windows.tokensPerDay?.remaining, 2480)
        assert.strictEqual(refused(yield* store.reserve(reservation({ concurrency: 4 }))).reason, "concurrency")
      }).pipe(Effect.provide(quietMetrics))
    )

    it.effect("is told of the requests that were admitted without it and still run", () =>
      Effect.gen(function* () {
        const { back, state, store } = yield* outage()
        const [running, ended, unlimited] = [
          reservation({ concurrency: 5 }),
          reservation({ concurrency: 5 }),
          reservation({ rpm: 5 })
        ]
        for (const asked of [running, ended, unlimited]) admitted(yield* store.reserve(asked))
        yield* store.settle(ended, 0)
        yield* back
        assert.deepStrictEqual(state.adopted, [running])
        state.adopted = []
        state.away = "No answer"
        const between = reservation({ concurrency: 5 })
        admitted(yield* store.reserve(between))
        state.away = undefined
        yield* store.renew([running, between])
        assert.deepStrictEqual(state.adopted, [between])
      }).pipe(Effect.provide(quietMetrics))
    )
  })

  it.effect("closed: refuses with limiter_unavailable and a time to come again", () =>
    Effect.gen(function* () {
      const { store } = yield* make({ mode: "closed" }, "away")
      const error = yield* Effect.flip(store.reserve(reservation({ rpm: 20 })))
      assert.strictEqual(error.reason, "limiter_unavailable")
      assert.strictEqual(error.retryAfterMillis, 1000)
      assert.isTrue(store.degraded())
    }).pipe(Effect.provide(quietMetrics))
  )

  it.effect("open: admits whoever comes, and claims no windows", () =>
    Effect.gen(function* () {
      const { store } = yield* make({ mode: "open" }, "away")
      for (let index = 0; index < 5; index += 1) {
        assert.deepStrictEqual(admitted(yield* store.reserve(reservation({ rpm: 1 }))).windows, {})
      }
    }).pipe(Effect.provide(quietMetrics))
  )
})
