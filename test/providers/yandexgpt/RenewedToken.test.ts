import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { ProviderError } from "../../../src/domain/Errors.ts"
import * as RenewedToken from "../../../src/providers/yandexgpt/RenewedToken.ts"

const away = new ProviderError({ provider: "yandexgpt", reason: "provider_unavailable", message: "away" })

/** A token endpoint that counts, and can be away or slow. */
class Endpoint {
  count = 0
  isAway = false
  gate: Deferred.Deferred<void> | undefined
  readonly fetch: Effect.Effect<RenewedToken.Token, ProviderError>

  constructor(lifeMinutes: number) {
    const lifeMillis = lifeMinutes * 60_000
    this.fetch = Effect.suspend(() => {
      const value = `t${++this.count}`
      return Effect.gen({ self: this }, function* () {
        if (this.gate !== undefined) yield* Deferred.await(this.gate)
        if (this.isAway) return yield* away
        return { value, expiresAt: (yield* Clock.currentTimeMillis) + lifeMillis }
      })
    })
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
/** Lets what was started in the background run. */
const settle = Effect.repeat(Effect.yieldNow, { times: 10 })

describe("RenewedToken", () => {
  it.effect("fetches nothing before it is asked, and then once for an hour", () =>
    Effect.gen(function* () {
      const iam = new Endpoint(12 * 60)
      const { headers } = yield* RenewedToken.make(iam.fetch)
      assert.strictEqual(iam.count, 0)
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* TestClock.adjust("59 minutes")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.strictEqual(iam.count, 1)
    })
  )

  it.effect("renews after an hour without holding anybody up", () =>
    Effect.gen(function* () {
      const iam = new Endpoint(12 * 60)
      const { headers } = yield* RenewedToken.make(iam.fetch)
      yield* headers
      yield* TestClock.adjust("1 hour")
      iam.gate = yield* Deferred.make<void>()
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* Deferred.succeed(iam.gate, undefined)
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t2"))
      assert.strictEqual(iam.count, 2)
    })
  )

  it.effect("renews a short token a fifth of its life before its end, and serves nobody with an ended one", () =>
    Effect.gen(function* () {
      const iam = new Endpoint(10)
      const { headers } = yield* RenewedToken.make(iam.fetch)
      yield* headers
      yield* TestClock.adjust("7 minutes")
      yield* headers
      yield* settle
      assert.strictEqual(iam.count, 1)
      yield* TestClock.adjust("61 seconds")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t2"))
      yield* TestClock.adjust("10 minutes")
      assert.deepStrictEqual(yield* headers, bearer("t3"))
    })
  )

  it.effect("serves on with the old token while the endpoint is away, and asks it twice a minute", () =>
    Effect.gen(function* () {
      const iam = new Endpoint(12 * 60)
      const { headers } = yield* RenewedToken.make(iam.fetch)
      yield* headers
      yield* TestClock.adjust("2 hours")
      iam.isAway = true
      for (let call = 0; call < 5; call++) {
        assert.deepStrictEqual(yield* headers, bearer("t1"))
        yield* settle
      }
      assert.strictEqual(iam.count, 2)
      yield* TestClock.adjust("30 seconds")
      iam.isAway = false
      yield* headers
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t3"))
    })
  )

  it.effect("gives all who wait the same failure, and tries again for the next", () =>
    Effect.gen(function* () {
      const iam = new Endpoint(60)
      const { headers } = yield* RenewedToken.make(iam.fetch)
      iam.isAway = true
      const failures = yield* Effect.all(
        Array.from({ length: 10 }, () => Effect.flip(headers)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(failures), new Set([away]))
      assert.strictEqual(iam.count, 1)
      iam.isAway = false
      assert.deepStrictEqual(yield* headers, bearer("t2"))
    })
  )

  it.effect("goes on fetching for the others when the one who asked first leaves", () =>
    Effect.gen(function* () {
      const iam = new Endpoint(60)
      iam.gate = yield* Deferred.make<void>()
      const { headers } = yield* RenewedToken.make(iam.fetch)
      const first = yield* Effect.forkChild(headers, { startImmediately: true })
      const second = yield* Effect.forkChild(headers, { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(first)
      yield* Deferred.succeed(iam.gate, undefined)
      assert.deepStrictEqual(yield* Fiber.join(second), bearer("t1"))
      assert.strictEqual(iam.count, 1)
    })
  )

  it.effect("drops a refused token once, and never the one that came after it", () =>
    Effect.gen(function* () {
      const iam = new Endpoint(60)
      const { headers, refused } = yield* RenewedToken.make(iam.fetch)
      const old = yield* headers
      assert.isTrue(yield* refused(old))
      const renewed = yield* headers
      assert.deepStrictEqual(renewed, bearer("t2"))
      assert.isTrue(yield* refused(old))
      assert.deepStrictEqual(yield* headers, renewed)
      assert.strictEqual(iam.count, 2)
    })
  )

  it.effect("does not fetch a token for each request where the clocks disagree", () =>
    Effect.gen(function* () {
      const iam = new Endpoint(-300)
      const { headers } = yield* RenewedToken.make(iam.fetch)
      yield* headers
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      assert.strictEqual(iam.count, 1)
    })
  )
})
