import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { admitted, at, refused, reservation, type Store, stores } from "./stores.ts"

const minute = 60_000
const day = 86_400_000

describe.each(stores)("a limiter store $name", ({ make }) => {
  describe("tokens per minute", () => {
    const ask = (store: Store, tokens: number, tpm = 100) => {
      const asked = reservation({ tpm }, { tokens })
      return Effect.map(store.reserve(asked), (decision) => ({ asked, decision }))
    }

    it.effect("are reserved as estimated, and refused until enough of them have left the window", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(1000)
        admitted((yield* ask(store, 30)).decision)
        yield* at(3000)
        const second = admitted((yield* ask(store, 50)).decision)
        assert.deepStrictEqual(second.windows.tokensPerMinute, { limit: 100, remaining: 20, resetMillis: minute })
        yield* at(4000)
        const refusal = refused((yield* ask(store, 40)).decision)
        assert.strictEqual(refusal.reason, "tokens_per_minute")
        assert.strictEqual(refusal.remaining, 20)
        assert.strictEqual(refusal.retryAfterMillis, 57_000)
        assert.strictEqual(refused((yield* ask(store, 60)).decision).retryAfterMillis, 59_000)
        admitted((yield* ask(store, 20)).decision)
      })
    )

    it.effect("come back as far as they were not used, and are missing as far as more were used", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(1000)
        const { asked } = yield* ask(store, 80)
        yield* at(2000)
        yield* store.settle(asked, 10)
        assert.strictEqual(admitted((yield* ask(store, 60)).decision).windows.tokensPerMinute?.remaining, 30)

        const other = yield* ask(store, 10)
        yield* store.settle(other.asked, 50)
        const refusal = refused((yield* ask(store, 1)).decision)
        assert.strictEqual(refusal.remaining, 0)
        assert.strictEqual(refusal.retryAfterMillis, 59_000 + 1000)
      })
    )

    it.effect("are settled in the window that they were reserved in", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(1000)
        const early = yield* ask(store, 50)
        yield* at(31_000)
        yield* ask(store, 40)
        yield* at(40_000)
        yield* store.settle(early.asked, 60)
        assert.strictEqual(refused((yield* ask(store, 1)).decision).retryAfterMillis, 21_000)
        yield* at(61_000)
        assert.strictEqual(admitted((yield* ask(store, 0)).decision).windows.tokensPerMinute?.remaining, 60)
      })
    )

    it.effect("are not touched by a settlement that comes when their window has passed", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(1000)
        const early = yield* ask(store, 90)
        yield* at(1000 + minute)
        yield* ask(store, 40)
        yield* store.settle(early.asked, 0)
        assert.strictEqual(admitted((yield* ask(store, 0)).decision).windows.tokensPerMinute?.remaining, 60)
        yield* store.settle(early.asked, 1000)
        assert.strictEqual(admitted((yield* ask(store, 0)).decision).windows.tokensPerMinute?.remaining, 60)
      })
    )

    it.effect("are settled once, however often it is said", () =>
      Effect.gen(function* () {
        const store = yield* make
        const { asked } = yield* ask(store, 50)
        yield* ask(store, 50)
        yield* store.settle(asked, 20)
        yield* store.settle(asked, 20)
        yield* store.settle(asked, 0)
        assert.strictEqual(admitted((yield* ask(store, 0)).decision).windows.tokensPerMinute?.remaining, 30)
      })
    )

    it.effect("that are more than the limit at once are admitted into an empty window, and fill it", () =>
      Effect.gen(function* () {
        const store = yield* make
        yield* at(1000)
        const { asked, decision } = yield* ask(store, 250)
        assert.strictEqual(admitted(decision).windows.tokensPerMinute?.remaining, 0)
        yield* at(2000)
        const refusal = refused((yield* ask(store, 250)).decision)
        assert.strictEqual(refusal.retryAfterMillis, 59_000)
        yield* store.settle(asked, 30)
        admitted((yield* ask(store, 70)).decision)
        refused((yield* ask(store, 250)).decision)
        yield* at(2000 + minute)
        admitted((yield* ask(store, 250)).decision)
      })
    )
  })

  describe("tokens per day", () => {
    it.effect("are reserved, settled within their day and never in the next", () =>
      Effect.gen(function* () {
        const store = yield* make
        const ask = (tokens: number) => {
          const asked = reservation({ tpd: 1000 }, { tokens })
          return Effect.map(store.reserve(asked), (decision) => ({ asked, decision }))
        }
        yield* at(day - 10_000)
        const settled = yield* ask(600)
        const late = yield* ask(300)
        const refusal = refused((yield* ask(200)).decision)
        assert.strictEqual(refusal.reason, "tokens_per_day")
        assert.strictEqual(refusal.retryAfterMillis, 10_000)
        yield* store.settle(settled.asked, 400)
        assert.strictEqual(admitted((yield* ask(200)).decision).windows.tokensPerDay?.remaining, 100)

        yield* at(day)
        admitted((yield* ask(700)).decision)
        yield* store.settle(late.asked, 0)
        assert.deepStrictEqual(refused((yield* ask(400)).decision).windows.tokensPerDay, {
          limit: 1000,
          remaining: 300,
          resetMillis: day
        })
      })
    )
  })
})
