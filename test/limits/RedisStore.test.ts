import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Logger, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { dayMillis } from "../../src/limits/Spans.ts"
import { makeRedisStore } from "../../src/limits/RedisStore.ts"
import { layerUrls } from "../../src/storage/Redis.ts"
import { eventually } from "../support/Eventually.ts"
import { startRedis } from "../support/Redis.ts"
import { withSettableClock } from "../support/SettableClock.ts"
import { admitted, connect, quietly, refused, reservation } from "./stores.ts"

const storeAt = (url: string) => Effect.flatMap(connect(url), (context) => Effect.provide(makeRedisStore(), context))

const countAdmitted = (decisions: ReadonlyArray<{ readonly _tag: string }>) =>
  decisions.filter(({ _tag }) => _tag === "Admitted").length

describe("a limiter store in Redis, by Redis' own clock", () => {
  it.live.each([1, 5, 20, 100])(
    "admits exactly %i of four times as many that ask two instances at once, a hundred times",
    (rpm) =>
      Effect.gen(function* () {
        const { url } = yield* startRedis()
        const instances = yield* Effect.all([storeAt(url), storeAt(url)])
        for (let round = 0; round < 100; round += 1) {
          const decisions = yield* Effect.all(
            Array.from({ length: 4 * rpm }, (_, index) =>
              Effect.suspend(() =>
                (instances[index % 2] ?? instances[0]).reserve(reservation({ rpm }, { subject: `round:${round}` }))
              )
            ),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(countAdmitted(decisions), rpm)
        }
      }),
    60_000
  )

  it.live("holds all limits at once over two instances, and gives places back to either", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const [here, there] = yield* Effect.all([storeAt(url), storeAt(url)])
      const first = reservation({ concurrency: 2, rpm: 10 })
      admitted(yield* here.reserve(first))
      admitted(yield* there.reserve(reservation({ concurrency: 2, rpm: 10 })))
      assert.strictEqual(refused(yield* here.reserve(reservation({ concurrency: 2, rpm: 10 }))).reason, "concurrency")
      yield* here.settle(first, 0)
      // Answered after the settlement: both go the same way.
      admitted(yield* here.reserve(reservation({ concurrency: 2, rpm: 10 })))
      const { windows } = refused(yield* there.reserve(reservation({ concurrency: 2, rpm: 10 })))
      assert.strictEqual(windows.requestsPerMinute?.remaining, 7)
    })
  )

  it.live("asks Redis once for all that comes in one turn, whoever it is of, and at most 64 things at a time", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      const store = yield* Effect.provide(makeRedisStore(), context)
      const redis = yield* Effect.provide(Redis.Redis, context)
      const calls = Effect.map(redis.send<string>("info", "commandstats"), (stats) =>
        Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0)
      )
      // The script is not loaded before the first question.
      admitted(yield* store.reserve(reservation({ rpm: 100 })))
      const before = yield* calls
      const asked = Array.from({ length: 100 }, (_, index) =>
        reservation({ rpm: 20, concurrency: 20 }, { subject: `key:${index % 10}` })
      )
      const decisions = yield* Effect.forEach(asked.slice(0, 40), store.reserve, { concurrency: "unbounded" })
      assert.strictEqual(countAdmitted(decisions), 40)
      // Of each subject in the order of asking.
      for (const [index, decision] of decisions.entries()) {
        assert.strictEqual(admitted(decision).windows.requestsPerMinute?.remaining, 19 - Math.floor(index / 10))
      }
      assert.strictEqual(yield* calls, before + 1)
      yield* Effect.forEach(asked.slice(0, 40), (each) => store.settle(each, 0), { discard: true })
      assert.strictEqual(countAdmitted(yield* Effect.forEach(asked, store.reserve, { concurrency: "unbounded" })), 100)
      assert.strictEqual(yield* calls, before + 4)
    })
  )

  it.live.each([
    { broken: "a key of another kind", command: ["set", "xrouter:limits:{key:broken}:requests", "5"] },
    { broken: "an entry that cannot be read", command: ["rpush", "xrouter:limits:{key:broken}:requests", "5"] }
  ])(
    "fails for a subject with $broken, and for nobody who asked in the same turn",
    ({ command: [command = "", ...args] }) =>
      Effect.gen(function* () {
        const { url } = yield* startRedis()
        const context = yield* connect(url)
        const store = yield* Effect.provide(makeRedisStore(), context)
        const redis = yield* Effect.provide(Redis.Redis, context)
        const running = reservation({ rpm: 20, concurrency: 1 }, { subject: "key:running" })
        admitted(yield* store.reserve(running))
        yield* redis.send(command, ...args)
        const ask = (subject: string) =>
          Effect.map(Effect.exit(store.reserve(reservation({ rpm: 20 }, { subject }))), Exit.isSuccess)
        const settled = Effect.as(store.settle(running, 0), true)
        const asked = [ask("key:before"), ask("key:broken"), ask("key:after"), settled]
        assert.deepStrictEqual(yield* Effect.all(asked, { concurrency: "unbounded" }), [true, false, true, true])
        // Counted once, and the settlement behind the fault was heard.
        for (const subject of ["key:before", "key:after"]) {
          const { windows } = admitted(yield* store.reserve(reservation({ rpm: 20 }, { subject })))
          assert.strictEqual(windows.requestsPerMinute?.remaining, 18)
        }
        admitted(yield* store.reserve(reservation({ rpm: 20, concurrency: 1 }, { subject: "key:running" })))
      })
  )

  it.live("answers each of many once when Redis is killed in the midst of them", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      const store = yield* storeAt(server.url)
      admitted(yield* store.reserve(reservation({ rpm: 20 })))
      let answers = 0
      const ask = (index: number) =>
        Effect.exit(store.reserve(reservation({ rpm: 5 }, { subject: `key:${index % 50}` }))).pipe(
          Effect.tap(() => Effect.sync(() => (answers += 1)))
        )
      const wave = Effect.forEach(
        Array.from({ length: 500 }, (_, index) => index),
        ask,
        { concurrency: "unbounded" }
      )
      const waves = [wave, Effect.andThen(server.kill, wave), Effect.andThen(Effect.sleep("5 millis"), wave)]
      const exits = (yield* Effect.all(waves, { concurrency: "unbounded" })).flat()
      assert.strictEqual(answers, 1500)
      assert.isAtMost(exits.filter((exit) => Exit.isSuccess(exit) && exit.value._tag === "Admitted").length, 250)
      assert.isTrue(exits.some(Exit.isFailure))
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.live("leaves a server that has become a replica, whose name may lead to the new primary", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      const store = yield* Effect.provide(makeRedisStore(), context)
      const redis = yield* Effect.provide(Redis.Redis, context)
      admitted(yield* store.reserve(reservation({ rpm: 20 })))
      const client = Effect.map(redis.send<string>("client", "id"), Number)
      const before = yield* client
      yield* redis.send("replicaof", "127.0.0.1", "1")
      const asked = [reservation({ rpm: 20 }), reservation({ rpm: 20 }, { subject: "key:two" })]
      for (const error of yield* Effect.forEach(asked, (each) => Effect.flip(store.reserve(each)), {
        concurrency: "unbounded"
      })) {
        assert.match(String(error.cause), /READONLY/)
      }
      yield* eventually(Effect.map(Effect.option(client), (now) => now._tag === "Some" && now.value !== before))
      yield* eventually(Effect.map(Effect.exit(redis.send("replicaof", "no", "one")), Exit.isSuccess))
      yield* eventually(Effect.map(Effect.exit(store.reserve(reservation({ rpm: 20 }))), Exit.isSuccess))
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.effect("tells all who ask of a fault of the program: nobody waits for ever", () =>
    Effect.gen(function* () {
      const redis = yield* Redis.make({
        send: () => Effect.die(new TypeError("a fault")),
        subscribe: () => Effect.never,
        connect: Effect.never
      })
      const store = yield* Effect.provideService(makeRedisStore(), Redis.Redis, redis)
      const asked = Array.from({ length: 3 }, () => Effect.flip(store.reserve(reservation({ rpm: 20 }))))
      for (const error of yield* Effect.all(asked, { concurrency: "unbounded" })) {
        assert.strictEqual(error.reason, "limiter_unavailable")
        assert.match(String(error.cause), /a fault/)
      }
    })
  )

  it.live("takes over a running request that was admitted without it, and gives its place back when it ends", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      const here = yield* Effect.provide(makeRedisStore(), context)
      const redis = yield* Effect.provide(Redis.Redis, context)
      const ask = () => reservation({ concurrency: 1, tpm: 100 }, { tokens: 50 })
      const running = ask()
      yield* here.adopt([running])
      yield* eventually(
        Effect.map(redis.send<number>("zcard", "xrouter:limits:{key:one}:leases"), (leases) => leases === 1)
      )
      refused(yield* here.reserve(ask()))
      yield* here.settle(running, 90)
      // What it used belongs to windows that were decided elsewhere.
      const { windows } = admitted(yield* here.reserve(ask()))
      assert.strictEqual(windows.tokensPerMinute?.remaining, 50)
    })
  )

  it.live("tells windows by the time of day of Redis, not by that of the instance", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      const store = yield* Effect.provide(makeRedisStore(), context)
      const time = yield* Effect.provide(
        Effect.flatMap(Redis.Redis, (redis) => redis.send<ReadonlyArray<string>>("time")),
        context
      )
      const { windows } = admitted(yield* store.reserve(reservation({ rpd: 5 })))
      const midnight = dayMillis - ((Number(time[0]) * 1000) % dayMillis)
      assert.approximately(windows.requestsPerDay?.resetMillis ?? 0, midnight, 5000)
    })
  )

  it.live("keeps all of a subject in one slot of a cluster, and nothing without an expiry", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      const store = yield* Effect.provide(makeRedisStore(), context)
      const redis = yield* Effect.provide(Redis.Redis, context)
      const asked = reservation({ rpm: 5, rpd: 50, tpm: 500, tpd: 5000, concurrency: 5 }, { tokens: 10 })
      admitted(yield* store.reserve(asked))
      const expiries = Effect.gen(function* () {
        const keys = yield* redis.send<ReadonlyArray<string>>("keys", "*")
        const found: Record<string, number> = {}
        for (const key of keys) found[key] = yield* redis.send<number>("pttl", key)
        return found
      })
      const before = yield* expiries
      assert.sameMembers(Object.keys(before), [
        "xrouter:limits:{key:one}:requests",
        "xrouter:limits:{key:one}:tokens",
        "xrouter:limits:{key:one}:counters",
        "xrouter:limits:{key:one}:leases"
      ])
      yield* store.renew([asked])
      refused(yield* store.reserve(reservation({ rpm: 1 })))
      yield* store.settle(asked, 20)
      for (const [key, expiry] of [...Object.entries(before), ...Object.entries(yield* expiries)]) {
        assert.isAbove(expiry, 0, key)
        assert.isAtMost(expiry, key.endsWith("counters") ? dayMillis + 1000 : 61_000, key)
      }
    })
  )

  it.live("needs one round trip for a decision, and none to settle where there is nothing to settle", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      const store = yield* Effect.provide(makeRedisStore(), context)
      const redis = yield* Effect.provide(Redis.Redis, context)
      yield* store.reserve(reservation({ rpm: 1 }, { subject: "warm" }))
      yield* redis.send("config", "resetstat")
      for (let index = 0; index < 50; index += 1) {
        const asked = reservation({ rpm: 20, rpd: 100 })
        yield* store.reserve(asked)
        yield* store.settle(asked, 10)
      }
      const stats = yield* redis.send<string>("info", "commandstats")
      assert.include(stats, "cmdstat_evalsha:calls=50,")
      assert.notInclude(stats, "cmdstat_script|load")
    })
  )

  it.live("needs no second round trip when the time of day is set back", () =>
    withSettableClock((setBack) =>
      Effect.gen(function* () {
        const { url } = yield* startRedis()
        const context = yield* connect(url)
        const store = yield* Effect.provide(makeRedisStore(), context)
        const redis = yield* Effect.provide(Redis.Redis, context)
        admitted(yield* store.reserve(reservation({ rpm: 5 })))
        yield* redis.send("config", "resetstat")
        setBack(3_600_000)
        for (let index = 0; index < 3; index += 1) admitted(yield* store.reserve(reservation({ rpm: 5 })))
        assert.include(yield* redis.send<string>("info", "commandstats"), "cmdstat_evalsha:calls=3,")
      })
    )
  )

  it.live("does not miscount when Redis forgets its scripts in the midst of it", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      const store = yield* Effect.provide(makeRedisStore(), context)
      const redis = yield* Effect.provide(Redis.Redis, context)
      const flush = redis.send("script", "flush")
      const decisions = yield* Effect.forEach(
        Array.from({ length: 3000 }, (_, index) => index),
        (index) => Effect.andThen(index % 300 === 150 ? flush : Effect.void, store.reserve(reservation({ rpm: 2000 }))),
        { concurrency: 50 }
      )
      assert.strictEqual(countAdmitted(decisions), 2000)
    })
  )

  it.live("adds up again what it has lost the sum of, and forgets what it has lost", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      const store = yield* Effect.provide(makeRedisStore(), context)
      const redis = yield* Effect.provide(Redis.Redis, context)
      const ask = () => store.reserve(reservation({ rpm: 10, tpm: 100 }, { tokens: 7 }))
      for (let index = 0; index < 4; index += 1) admitted(yield* ask())
      yield* redis.send("del", "xrouter:limits:{key:one}:counters")
      const { windows } = admitted(yield* ask())
      assert.strictEqual(windows.requestsPerMinute?.remaining, 5)
      assert.strictEqual(windows.tokensPerMinute?.remaining, 65)
      yield* redis.send("del", "xrouter:limits:{key:one}:requests")
      assert.strictEqual(admitted(yield* ask()).windows.requestsPerMinute?.remaining, 9)
    })
  )

  it.live("remembers a large limit in a bounded list", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const context = yield* connect(url)
      let now = 1_000_000
      const store = yield* Effect.provide(makeRedisStore({ now: Effect.sync(() => (now += 39)) }), context)
      const redis = yield* Effect.provide(Redis.Redis, context)
      yield* Effect.forEach(
        Array.from({ length: 2000 }),
        () => store.reserve(reservation({ rpm: 1_000_000, tpm: 1_000_000 }, { tokens: 3 })),
        { concurrency: 100, discard: true }
      )
      assert.isAtMost(yield* redis.send<number>("llen", "xrouter:limits:{key:one}:requests"), 1201)
      assert.isAtMost(yield* redis.send<number>("llen", "xrouter:limits:{key:one}:tokens"), 121)
    })
  )

  it.live.each([0, 3_600_000])(
    "answers within its patience when Redis hangs, and a decision that Redis then makes too late does not count (time of day set %i ms on)",
    (ahead) =>
      withSettableClock((setBack) =>
        Effect.gen(function* () {
          const server = yield* startRedis()
          yield* Effect.gen(function* () {
            const store = yield* makeRedisStore({ staleMillis: 20 })
            const ask = () => store.reserve(reservation({ rpm: 20, concurrency: 20 }))
            for (let index = 0; index < 3; index += 1) admitted(yield* ask())
            setBack(-ahead)
            yield* server.pause
            const startedAt = performance.now()
            const errors = yield* Effect.all(
              Array.from({ length: 10 }, () => Effect.flip(ask())),
              { concurrency: "unbounded" }
            )
            const took = performance.now() - startedAt
            yield* Effect.repeat(Effect.flip(store.reserve(reservation({ rpm: 20 }, { subject: "key:other" }))), {
              times: 5
            })
            yield* server.resume
            assert.isTrue(errors.every(({ reason }) => reason === "limiter_unavailable"))
            assert.isBelow(took, 1000)
            // The same connection: it is answered after the ten that came too late.
            const last = yield* Effect.retry(ask(), { times: 100 })
            assert.strictEqual(admitted(last).windows.requestsPerMinute?.remaining, 16)
          }).pipe(
            Effect.provide(layerUrls([Redacted.make(server.url)], { patienceMillis: 150 }).pipe(quietly)),
            Effect.ensuring(server.resume)
          )
        })
      )
  )

  it.live("fails at once while Redis is gone and works again within 3 s of its return", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* Effect.gen(function* () {
        const store = yield* makeRedisStore()
        admitted(yield* store.reserve(reservation({ rpm: 20 })))
        yield* server.kill
        const error = yield* Effect.flip(store.reserve(reservation({ rpm: 20 })))
        assert.strictEqual(error.reason, "limiter_unavailable")
        assert.strictEqual(error.retryAfterMillis, 1000)
        const startedAt = performance.now()
        yield* Effect.repeat(Effect.flip(store.reserve(reservation({ rpm: 20 }))), { times: 100 })
        assert.isBelow(performance.now() - startedAt, 1000)
        yield* server.restart
        const returnedAt = performance.now()
        yield* eventually(Effect.map(Effect.exit(store.reserve(reservation({ rpm: 20 }))), Exit.isSuccess))
        assert.isBelow(performance.now() - returnedAt, 3000)
      }).pipe(Effect.provide(layerUrls([Redacted.make(server.url)], { patienceMillis: 10_000 }).pipe(quietly)))
    })
  )
})
