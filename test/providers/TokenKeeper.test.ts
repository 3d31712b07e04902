import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Exit, Fiber, Latch, Logger, Redacted, Scope } from "effect"
import { TestClock } from "effect/testing"
import { ProviderError } from "../../src/domain/Errors.ts"
import * as TokenKeeper from "../../src/providers/TokenKeeper.ts"
import { withSettableClock } from "../support/SettableClock.ts"

const fault = (fields: Partial<ProviderError> = {}) =>
  new ProviderError({ provider: "p", reason: "provider_unavailable", message: "away", ...fields })

const rejected = fault({ reason: "provider_rejected_credentials", message: "unknown key" })

/** A token endpoint that counts, and can be slow or fail. */
class Endpoint {
  count = 0
  failure: ProviderError | undefined
  readonly gate = Latch.makeUnsafe(true)
  readonly fetch: Effect.Effect<TokenKeeper.Token, ProviderError>

  constructor(lifeMinutes: number) {
    this.fetch = Effect.suspend(() => {
      const value = Redacted.make(`t${++this.count}`)
      return Effect.gen({ self: this }, function* () {
        yield* this.gate.await
        if (this.failure !== undefined) return yield* this.failure
        return { value, expiresAt: (yield* Clock.currentTimeMillis) + lifeMinutes * 60_000 }
      })
    })
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Lets what was started in the background run. */
const settle = Effect.repeat(Effect.yieldNow, { times: 10 })

const pass = (time: Duration.Input) => Effect.andThen(TestClock.adjust(time), settle)

/** The lines that are logged while the effect runs, by their levels. */
const logged = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => lines.push(`${logLevel}: ${[message].flat().join(" ")}`))
    return Effect.as(Effect.provide(effect, Logger.layer([logger])), lines)
  })

describe("A kept token", () => {
  it.effect("is fetched when it is first wanted, and then serves all", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      yield* settle
      assert.strictEqual(endpoint.count, 0)
      for (let call = 0; call < 3; call++) assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* pass("28 minutes")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.strictEqual(endpoint.count, 1)
    })
  )

  it.effect("is fetched once, however many want it at a time", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      const all = yield* Effect.all(
        Array.from({ length: 50 }, () => headers),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        all,
        all.map(() => bearer("t1"))
      )
      assert.strictEqual(endpoint.count, 1)
    })
  )

  it.effect("still comes for the others when the one who asked first leaves", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      yield* endpoint.gate.close
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      const first = yield* Effect.forkChild(headers, { startImmediately: true })
      const second = yield* Effect.forkChild(headers, { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(first)
      yield* endpoint.gate.open
      assert.deepStrictEqual(yield* Fiber.join(second), bearer("t1"))
      assert.strictEqual(endpoint.count, 1)
    })
  )

  it.effect("comes though all who asked have left, for whoever asks next", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      yield* endpoint.gate.close
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      const only = yield* Effect.forkChild(headers, { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(only)
      yield* endpoint.gate.open
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      assert.strictEqual(endpoint.count, 1)
    })
  )

  it.effect("is renewed from a minute before its end on, and holds nobody up", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      yield* headers
      yield* pass("28.9 minutes")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.strictEqual(endpoint.count, 1)

      yield* endpoint.gate.close
      yield* pass("6 seconds")
      for (let call = 0; call < 5; call++) {
        assert.deepStrictEqual(yield* headers, bearer("t1"))
        yield* settle
      }
      assert.strictEqual(endpoint.count, 2)
      yield* endpoint.gate.open
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t2"))
      assert.strictEqual(endpoint.count, 2)
    })
  )

  it.effect("is renewed at half its life where that is short", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(1.5)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      yield* headers
      yield* pass("44 seconds")
      yield* headers
      yield* settle
      assert.strictEqual(endpoint.count, 1)
      yield* pass("1 second")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t2"))
    })
  )

  it.effect("is renewed after its longest use, however long it lives", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(12 * 60)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch, Duration.hours(1))
      yield* headers
      yield* pass("59 minutes")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.strictEqual(endpoint.count, 1)
      yield* pass("1 minute")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t2"))
      assert.strictEqual(endpoint.count, 2)
    })
  )

  it.effect("ends when its time is over, by whichever clock: one may be set back, and the other stand still", () =>
    withSettableClock((setBack) =>
      Effect.gen(function* () {
        const endpoint = new Endpoint(30)
        const { headers } = yield* TokenKeeper.make(endpoint.fetch)
        yield* pass("1 day")
        yield* headers
        setBack(3_600_000)
        yield* pass("28 minutes")
        assert.deepStrictEqual(yield* headers, bearer("t1"))
        yield* pass("115 seconds")
        assert.deepStrictEqual(yield* headers, bearer("t2"))
        setBack(-1_800_000)
        assert.deepStrictEqual(yield* headers, bearer("t3"))
        assert.strictEqual(endpoint.count, 3)
      })
    )
  )

  it.effect("serves nobody who could not arrive before its end: all wait for the next one", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      yield* headers
      yield* pass("1795 seconds")
      assert.deepStrictEqual(yield* headers, bearer("t2"))
      yield* pass("1 hour")
      assert.deepStrictEqual(yield* headers, bearer("t3"))
      assert.strictEqual(endpoint.count, 3)
    })
  )

  it.effect("is trusted for a while though a wrong clock takes it for an ended one", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(-300)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      for (let call = 0; call < 20; call++) yield* headers
      yield* pass("29 seconds")
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.strictEqual(endpoint.count, 1)
    })
  )

  it.effect("is dropped once when it is refused, and never the one that came after it", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const { headers, refused } = yield* TokenKeeper.make(endpoint.fetch)
      const old = yield* headers
      assert.isTrue(yield* refused(old))
      const renewed = yield* headers
      assert.deepStrictEqual(renewed, bearer("t2"))
      assert.isTrue(yield* refused(old))
      assert.deepStrictEqual(yield* headers, renewed)
      assert.strictEqual(endpoint.count, 2)
    })
  )

  it.effect("is no longer fetched when its provider is closed", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      yield* endpoint.gate.close
      const scope = yield* Scope.make()
      const { headers } = yield* Scope.provide(TokenKeeper.make(endpoint.fetch), scope)
      const waiting = yield* Effect.forkChild(Effect.exit(headers), { startImmediately: true })
      yield* settle
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(waiting)))
    })
  )
})

describe("A token that is not to be had", () => {
  it.effect("fails all who wait for it alike, and is tried again for the next", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      endpoint.failure = fault()
      const failures = yield* Effect.all(
        Array.from({ length: 10 }, () => Effect.flip(headers)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(new Set(failures), new Set([endpoint.failure]))
      assert.strictEqual(endpoint.count, 1)
      endpoint.failure = undefined
      assert.deepStrictEqual(yield* headers, bearer("t2"))
    })
  )

  it.effect("because it is refused for good is not asked for again within a second", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      endpoint.failure = rejected
      for (let call = 0; call < 20; call++) assert.strictEqual(yield* Effect.flip(headers), rejected)
      yield* pass("999 millis")
      assert.strictEqual(yield* Effect.flip(headers), rejected)
      assert.strictEqual(endpoint.count, 1)
      yield* pass("1 millis")
      yield* Effect.flip(headers)
      assert.strictEqual(endpoint.count, 2)
    })
  )

  it.effect("is asked for again after that time, also where the time of day is set back meanwhile", () =>
    withSettableClock((setBack) =>
      Effect.gen(function* () {
        const endpoint = new Endpoint(30)
        const { headers } = yield* TokenKeeper.make(endpoint.fetch)
        endpoint.failure = rejected
        yield* Effect.flip(headers)
        setBack(3_600_000)
        yield* pass("999 millis")
        assert.strictEqual(yield* Effect.flip(headers), rejected)
        assert.strictEqual(endpoint.count, 1)
        endpoint.failure = undefined
        yield* pass("1 millis")
        assert.deepStrictEqual(yield* headers, bearer("t2"))
      })
    )
  )

  for (const [wait, seconds] of [
    [5000, 5],
    [3_600_000, 60]
  ] as const) {
    it.effect(`because the endpoint wants ${wait} ms of peace is not asked for again within ${seconds} s`, () =>
      Effect.gen(function* () {
        const endpoint = new Endpoint(30)
        const { headers } = yield* TokenKeeper.make(endpoint.fetch)
        endpoint.failure = fault({ retryAfterMillis: wait })
        yield* Effect.flip(headers)
        yield* pass(Duration.seconds(seconds - 0.001))
        assert.strictEqual(yield* Effect.flip(headers), endpoint.failure)
        assert.strictEqual(endpoint.count, 1)
        endpoint.failure = undefined
        yield* pass("1 millis")
        assert.deepStrictEqual(yield* headers, bearer("t2"))
      })
    )
  }

  it.effect("does no harm while the old one is good, is tried again now and then, and at its end again at once", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch)
      yield* headers
      yield* pass("29 minutes")
      endpoint.failure = fault()
      for (let second = 0; second < 49; second++) {
        for (let call = 0; call < 3; call++) {
          assert.deepStrictEqual(yield* headers, bearer("t1"))
          yield* settle
        }
        yield* pass("1 second")
      }
      // A twentieth of what is left, at least a second: not with every request, and often enough to be in time.
      assert.isAbove(endpoint.count, 20)
      assert.isBelow(endpoint.count, 45)
      yield* pass("1 second")
      assert.strictEqual(yield* Effect.flip(headers), endpoint.failure)
      endpoint.failure = undefined
      assert.deepStrictEqual(yield* headers, bearer(`t${endpoint.count}`))
    })
  )

  it.effect("is asked for twice a minute while the old one is good for hours", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(12 * 60)
      const { headers } = yield* TokenKeeper.make(endpoint.fetch, Duration.hours(1))
      yield* headers
      yield* pass("2 hours")
      endpoint.failure = fault()
      for (let call = 0; call < 5; call++) {
        assert.deepStrictEqual(yield* headers, bearer("t1"))
        yield* settle
      }
      assert.strictEqual(endpoint.count, 2)
      yield* pass("29 seconds")
      yield* headers
      yield* settle
      assert.strictEqual(endpoint.count, 2)
      yield* pass("1 second")
      endpoint.failure = undefined
      assert.deepStrictEqual(yield* headers, bearer("t1"))
      yield* settle
      assert.deepStrictEqual(yield* headers, bearer("t3"))
    })
  )

  it.effect("is logged once for each way to fail, as an error where only the operator can help", () =>
    Effect.gen(function* () {
      const endpoint = new Endpoint(30)
      const lines = yield* logged(
        Effect.gen(function* () {
          const { headers, refused } = yield* TokenKeeper.make(endpoint.fetch)
          const fail = Effect.andThen(Effect.exit(headers), pass("2 seconds"))
          endpoint.failure = fault()
          yield* Effect.repeat(fail, { times: 4 })
          endpoint.failure = rejected
          yield* Effect.repeat(fail, { times: 4 })
          endpoint.failure = undefined
          const first = yield* headers
          endpoint.failure = rejected
          yield* pass("29 minutes")
          yield* Effect.repeat(fail, { times: 4 })
          yield* refused(first)
          yield* fail
        })
      )
      assert.deepStrictEqual(lines, ["Warn: away", "Error: unknown key", "Error: unknown key; the old token serves on"])
    })
  )
})
