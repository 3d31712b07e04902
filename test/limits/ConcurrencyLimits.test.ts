import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { admitted, at, refused, reservation, stores } from "./stores.ts"

describe.each(stores)("a limiter store $name", ({ make }) => {
  describe("simultaneous requests", () => {
    it.effect("are refused beyond the limit, for a second, until one of them ends", () =>
      Effect.gen(function* () {
        const store = yield* make
        const first = reservation({ concurrency: 2 })
        admitted(yield* store.reserve(first))
        admitted(yield* store.reserve(reservation({ concurrency: 2 })))
        const refusal = refused(yield* store.reserve(reservation({ concurrency: 2 })))
        assert.strictEqual(refusal.reason, "concurrency")
        assert.strictEqual(refusal.limit, 2)
        assert.strictEqual(refusal.remaining, 0)
        assert.strictEqual(refusal.retryAfterMillis, 1000)
        yield* store.settle(first, 0)
        admitted(yield* store.reserve(reservation({ concurrency: 2 })))
        refused(yield* store.reserve(reservation({ concurrency: 2 })))
      })
    )

    it.effect("give a place back once, however often it is said", () =>
      Effect.gen(function* () {
        const store = yield* make
        const first = reservation({ concurrency: 2 })
        admitted(yield* store.reserve(first))
        admitted(yield* store.reserve(reservation({ concurrency: 2 })))
        yield* store.settle(first, 0)
        yield* store.settle(first, 0)
        admitted(yield* store.reserve(reservation({ concurrency: 2 })))
        refused(yield* store.reserve(reservation({ concurrency: 2 })))
      })
    )

    it.effect("heal within 30 s when nobody says that they ended, and last as long as they are renewed", () =>
      Effect.gen(function* () {
        const store = yield* make
        const lost = reservation({ concurrency: 2 })
        const running = reservation({ concurrency: 2 })
        yield* at(1000)
        admitted(yield* store.reserve(lost))
        admitted(yield* store.reserve(running))
        yield* at(11_000)
        yield* store.renew([running])
        yield* at(30_999)
        refused(yield* store.reserve(reservation({ concurrency: 2 })))
        yield* at(31_000)
        admitted(yield* store.reserve(reservation({ concurrency: 2 })))
        refused(yield* store.reserve(reservation({ concurrency: 2 })))
        yield* at(41_000)
        admitted(yield* store.reserve(reservation({ concurrency: 2 })))
      })
    )

    it.effect("count a request once although it asks twice", () =>
      Effect.gen(function* () {
        const store = yield* make
        admitted(yield* store.reserve(reservation({ concurrency: 1 }, { requestId: "req_same" })))
        admitted(yield* store.reserve(reservation({ concurrency: 1 }, { requestId: "req_same" })))
        refused(yield* store.reserve(reservation({ concurrency: 1 })))
      })
    )

    it.effect("renew nothing that has ended", () =>
      Effect.gen(function* () {
        const store = yield* make
        const ended = reservation({ concurrency: 1 })
        admitted(yield* store.reserve(ended))
        yield* store.settle(ended, 0)
        yield* store.renew([ended])
        admitted(yield* store.reserve(reservation({ concurrency: 1 })))
      })
    )
  })
})
