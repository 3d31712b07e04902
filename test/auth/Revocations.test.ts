import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Logger, Metric, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { type Listener, Revocations } from "../../src/auth/Revocations.ts"
import { type Revoked, toLine } from "../../src/auth/Revoked.ts"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { InternalError } from "../../src/domain/Errors.ts"
import { layerServer } from "../../src/storage/Database.ts"
import { eventually } from "../support/Eventually.ts"
import { eventLoopTurns } from "../support/Loopback.ts"
import { startPostgres } from "../support/Postgres.ts"
import { startRedis } from "../support/Redis.ts"
import { withSettableClock } from "../support/SettableClock.ts"
import { DatabaseSwitch, switched } from "../support/SwitchedDatabase.ts"
import { freshDatabase, layerPostgres, migrated } from "../support/TestDatabase.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

const quietly = Logger.layer([])

/** One of several instances on a database, and what it was told, as lines. */
const instance = Effect.fnUntraced(function* (url: string, settings: Partial<SettingsValue> = {}) {
  const layers = Revocations.layer.pipe(
    Layer.provideMerge(migrated(layerServer(Redacted.make(url)))),
    Layer.provide([layerTestSettings(settings), quietly])
  )
  const context = yield* Layer.build(Layer.fresh(layers))
  const heard: Array<string> = []
  const revocations = Context.get(context, Revocations)
  yield* revocations.listen((revoked) =>
    Effect.sync(() => void heard.push(...(revoked === "all" ? ["all"] : revoked.map(toLine))))
  )
  yield* eventually(Effect.sync(() => heard[0] === "all"))
  const hears = (revoked: Revoked, within: number) =>
    Effect.gen(function* () {
      const startedAt = performance.now()
      yield* eventually(Effect.sync(() => heard.includes(toLine(revoked))))
      assert.isBelow(performance.now() - startedAt, within)
    })
  return { revocations, heard, hears, sql: Context.get(context, SqlClient) }
})

const key = (id: string): Revoked => ({ kind: "key", id })

/** As the triggers do, by whomever. */
const note = (sql: SqlClient, { id, kind }: Revoked) =>
  sql`INSERT INTO revocations (kind, subject) VALUES (${kind}, ${id})`

describe("a revocation", () => {
  it.live("is obeyed at once where it is announced, and by all others within 3 s, without Redis", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const [one, other] = [yield* instance(url), yield* instance(url)]
      yield* note(one.sql, key("a"))
      yield* one.revocations.announce([key("a")])
      assert.deepStrictEqual(one.heard, ["all", "key a"])
      yield* other.hears(key("a"), 3000)
      // Whoever does it by hand tells nobody but the database.
      yield* note(one.sql, { kind: "user", id: "b" })
      yield* Effect.all([one.hears({ kind: "user", id: "b" }, 3000), other.hears({ kind: "user", id: "b" }, 3000)], {
        concurrency: 2
      })
    }).pipe(Effect.scoped)
  )

  it.live("is pushed by Redis within a second, read in the log while Redis is away, and pushed again after", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const redis = yield* startRedis()
      const settings = { redisUrls: [Redacted.make(redis.url)] }
      const [one, other] = [yield* instance(url, settings), yield* instance(url, settings)]
      const revoke = (id: string, within: number) =>
        Effect.gen(function* () {
          yield* note(one.sql, key(id))
          yield* one.revocations.announce([key(id)])
          yield* other.hears(key(id), within)
        })
      /** Nothing is in the log that could be read. */
      const arrivesAlone = (id: string) =>
        eventually(
          Effect.gen(function* () {
            yield* one.revocations.announce([key(id)])
            return other.heard.includes(`key ${id}`)
          })
        )
      yield* arrivesAlone("pushed")
      yield* revoke("with", 1000)
      yield* redis.kill
      yield* revoke("without", 3000)
      yield* redis.restart
      yield* arrivesAlone("pushed-again")
      yield* redis.pause
      yield* revoke("hung", 3000)
      yield* redis.resume
      yield* arrivesAlone("pushed-once-more")
      yield* revoke("with-again", 1000)
    }).pipe(Effect.scoped)
  )

  it.live("that nobody pushed is looked for as soon as the subscription stands again", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const redis = yield* startRedis()
      const { heard, sql } = yield* instance(url, { redisUrls: [Redacted.make(redis.url)] })
      for (const id of ["a", "b", "c"]) {
        const lookedAt = performance.now()
        yield* redis.kill
        yield* note(sql, key(id))
        yield* redis.restart
        yield* eventually(Effect.sync(() => heard.includes(`key ${id}`)))
        // The log was just read, and by itself it is read two seconds later.
        if (id !== "a") assert.isBelow(performance.now() - lookedAt, 1900)
      }
      assert.deepStrictEqual(heard, ["all", "key a", "key b", "key c"])
    }).pipe(Effect.scoped)
  )

  it.live("survives an outage of the database, and is obeyed within 3 s of its return", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const url = server.url("postgres")
      const [one, other] = [yield* instance(url), yield* instance(url)]
      yield* note(one.sql, key("before"))
      yield* server.kill
      yield* server.restart
      yield* Effect.all([one.hears(key("before"), 3000), other.hears(key("before"), 3000)], { concurrency: 2 })
      yield* note(one.sql, key("hung")).pipe(Effect.andThen(server.pause))
      yield* Effect.sleep("1 second")
      yield* server.resume
      yield* other.hears(key("hung"), 3000)
    }).pipe(Effect.scoped)
  )

  it.live("in a message that is none is no harm", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const redis = yield* startRedis()
      const settings = { redisUrls: [Redacted.make(redis.url)] }
      const one = yield* instance(url, settings)
      const other = yield* instance(url, settings)
      yield* eventually(
        Effect.gen(function* () {
          // The last line is of a kind that only a newer version knows.
          yield* one.revocations.announce([{ kind: "key", id: "a\n\nno sense at all\nsession s_1\u0000" }, key("b")])
          return other.heard.includes("key b")
        })
      )
      assert.deepStrictEqual([...new Set(other.heard)], ["all", "key a", "key b"])
    }).pipe(Effect.scoped)
  )
})

describe("who listens", () => {
  const database = switched(migrated(layerPostgres))
  const layers = Revocations.layer.pipe(
    Layer.provideMerge(database),
    Layer.provide([layerTestSettings(), quietly]),
    Layer.orDie
  )

  const collect = Effect.gen(function* () {
    const { listen } = yield* Revocations
    const heard: Array<ReadonlyArray<string> | "all"> = []
    let failure: InternalError | undefined
    const listener: Listener = (revoked) =>
      Effect.suspend(() => {
        if (failure !== undefined) return Effect.fail(failure)
        heard.push(revoked === "all" ? "all" : revoked.map(toLine))
        return Effect.void
      })
    yield* listen(listener)
    return {
      heard,
      fails: (isFailing: boolean) => {
        failure = isFailing ? InternalError.databaseUnavailable("away") : undefined
      }
    }
  })

  const lag = Effect.map(Metric.snapshot, (metrics) =>
    metrics.flatMap(({ id, state }) =>
      id === "xrouter_revocation_lag_seconds" && "value" in state ? [Number(state.value)] : []
    )
  )

  /** Time goes on, and so does what the database has to do. */
  const moment = Effect.andThen(eventLoopTurns, TestClock.adjust("100 millis"))

  const counted = Effect.fnUntraced(function* (length: number, heard: ReadonlyArray<unknown>) {
    yield* eventually(Effect.map(moment, () => heard.length >= length))
    assert.lengthOf(heard, length)
  })

  it.effect("hears `all` first, then what is new, and after a long silence `all` again", () =>
    Effect.gen(function* () {
      const [sql, control, { heard }] = [yield* SqlClient, yield* DatabaseSwitch, yield* collect]
      yield* counted(1, heard)
      yield* note(sql, key("a"))
      yield* TestClock.adjust("2 seconds")
      yield* counted(2, heard)
      control.state = "away"
      yield* note(sql, key("b")).pipe(Effect.ignore)
      yield* TestClock.adjust("140 seconds")
      control.state = "there"
      yield* note(sql, key("c"))
      yield* TestClock.adjust("2 seconds")
      yield* counted(3, heard)
      control.state = "away"
      yield* TestClock.adjust("160 seconds")
      control.state = "there"
      yield* TestClock.adjust("2 seconds")
      yield* counted(4, heard)
      assert.deepStrictEqual(heard, ["all", ["key a"], ["key c"], "all"])
    }).pipe(Effect.scoped, Effect.provide(layers))
  )

  it.effect("hears `all` after what it could not obey, and the others are not bothered", () =>
    Effect.gen(function* () {
      const [sql, one, other] = [yield* SqlClient, yield* collect, yield* collect]
      yield* counted(1, one.heard)
      yield* counted(1, other.heard)
      other.fails(true)
      yield* note(sql, key("a"))
      yield* TestClock.adjust("2 seconds")
      yield* counted(2, one.heard)
      other.fails(false)
      yield* counted(2, other.heard)
      yield* note(sql, key("b"))
      yield* counted(3, other.heard)
      assert.deepStrictEqual(one.heard, ["all", ["key a"], ["key b"]])
      assert.deepStrictEqual(other.heard, ["all", "all", ["key b"]])
    }).pipe(Effect.scoped, Effect.provide(layers))
  )

  it.effect("is told by a metric how old that may be what it remembers", () =>
    Effect.gen(function* () {
      const control = yield* DatabaseSwitch
      const { heard } = yield* collect
      yield* counted(1, heard)
      const becomes = (test: (seconds: number) => boolean) =>
        eventually(
          Effect.gen(function* () {
            yield* TestClock.adjust("250 millis")
            yield* eventLoopTurns
            const values = yield* lag
            return values.length === 1 && values.every(test)
          })
        )
      yield* becomes((seconds) => seconds === 2)
      control.state = "away"
      yield* becomes((seconds) => seconds > 28 && seconds <= 30)
      control.state = "there"
      yield* becomes((seconds) => seconds === 2)
    }).pipe(Effect.scoped, Effect.provide(layers), Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("is told so too where the time of day is set back, after which it hears `all`", () =>
    withSettableClock((setBack) =>
      Effect.gen(function* () {
        const control = yield* DatabaseSwitch
        const { heard } = yield* collect
        yield* counted(1, heard)
        control.state = "away"
        setBack(3_600_000)
        const isOld = Effect.map(lag, ([seconds = 0]) => seconds > 10 && seconds < 20)
        yield* eventually(Effect.andThen(moment, isOld))
        control.state = "there"
        yield* counted(2, heard)
        assert.deepStrictEqual(heard, ["all", "all"])
      }).pipe(Effect.scoped, Effect.provide(layers), Effect.provideService(Metric.MetricRegistry, new Map()))
    )
  )

  it.effect("costs one query in two seconds, and the sweeping of what is old one in five minutes", () =>
    Effect.gen(function* () {
      const [sql, control, { heard }] = [yield* SqlClient, yield* DatabaseSwitch, yield* collect]
      yield* counted(1, heard)
      const startedAt = yield* Clock.currentTimeMillis
      control.statements = 0
      let notes = 0
      while ((yield* Clock.currentTimeMillis) - startedAt < 610_000) {
        const before = heard.length
        yield* note(sql, key("any"))
        notes++
        yield* TestClock.adjust("1800 millis")
        yield* counted(before + 1, heard)
      }
      const looks = ((yield* Clock.currentTimeMillis) - startedAt) / 2000
      const sweeps = 2
      assert.isAtMost(control.statements - notes, looks * 1.05 + sweeps)
      // At 300 seconds there was nothing from before the first look; at 600 all from before 300 went.
      const left = Effect.map(sql`SELECT subject FROM revocations`, ({ length }) => length)
      yield* eventually(Effect.map(left, (count) => count < notes * 0.55))
      assert.isAbove(yield* left, notes * 0.45)
    }).pipe(Effect.scoped, Effect.provide(layers))
  )
})
