import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { existsSync, readFileSync } from "node:fs"
import { openingOf, pendingLine, settledLine } from "../../src/ledger/CallLine.ts"
import type { CallRecord } from "../../src/ledger/CallRecord.ts"
import { Journal } from "../../src/ledger/Journal.ts"
import { Ledger } from "../../src/ledger/Ledger.ts"
import { makeTariff } from "../../src/ledger/Pricing.ts"
import { upsert } from "../../src/ledger/UsageTable.ts"
import { layerServer } from "../../src/storage/Database.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { eventually } from "../support/Eventually.ts"
import { startPostgres } from "../support/Postgres.ts"
import { DatabaseSwitch, switched } from "../support/SwitchedDatabase.ts"
import { migrated, migratedEngines } from "../support/TestDatabase.ts"
import { readExposition, valueOf } from "../telemetry/exposition.ts"
import {
  begun,
  ended,
  journalLines,
  layerLedger,
  layerLedgerSomewhere,
  Place,
  rowsOf,
  temporaryFolder
} from "./calls.ts"

const begin = Effect.fnUntraced(function* (more: Parameters<typeof begun>[0] = {}) {
  const call = begun(more)
  const entry = (yield* Ledger).begin(call)
  yield* entry.recorded
  return { ...entry, id: call.requestId }
})

const make = Effect.fnUntraced(function* (more: Parameters<typeof ended>[0] = {}) {
  const { end, id } = yield* begin()
  end(ended(more))
  return id
})

const statusOf = (id: string) => Effect.map(rowsOf([id]), ([row]) => row?.status)

const haveArrived = (ids: ReadonlyArray<string>) =>
  Effect.map(rowsOf(ids), (rows) => rows.length === ids.length && rows.every(({ status }) => status !== "pending"))

const arrived = (ids: ReadonlyArray<string>) => eventually(haveArrived(ids))

/** True at some time: the clock goes on half a second with each look. */
const inTime = <E, R>(look: Effect.Effect<boolean, E, R>) =>
  eventually(Effect.andThen(TestClock.adjust("500 millis"), look))

/** What is told of calls that wait. */
const waiting = Effect.gen(function* () {
  const metrics = yield* Metrics
  return valueOf(readExposition(yield* metrics.render), "xrouter_usage_pending")
})

for (const [engine, database] of migratedEngines) {
  const subject = layerLedgerSomewhere(switched(database)).pipe(Layer.orDie)

  layer(subject)(`shipping to ${engine}`, (it) => {
    it.effect("brings what has ended together, a moment after the first", () =>
      Effect.gen(function* () {
        const control = yield* DatabaseSwitch
        const ids = yield* Effect.all(Array.from({ length: 50 }, () => make()))
        control.statements = 0
        yield* TestClock.adjust("100 millis")
        assert.strictEqual(control.statements, 0)
        yield* inTime(Effect.sync(() => control.statements > 0))
        yield* eventually(Effect.map(waiting, (count) => count === 0))
        assert.strictEqual(control.statements, 1)
        yield* arrived(ids)
        yield* eventually(Effect.map(waiting, (count) => count === 0))
      })
    )

    it.effect("changes nothing when the same is shipped again, or an earlier state after a later", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const record: CallRecord = {
          ...begun({ model: "smart" }),
          createdAt: yield* Clock.currentTimeMillis,
          status: "completed",
          finishReason: "stop",
          tokens: { prompt: 3, completion: 2, cached: 1, reasoning: 0 },
          estimated: false,
          cost: { micros: 7n, currency: "RUB" },
          latencyMillis: 1,
          firstTokenMillis: null,
          attempts: []
        }
        const { price } = makeTariff("smart", { input: "1", output: "1", cachedInput: "1", currency: "RUB", per: 1 })
        const pending = pendingLine(record.requestId, openingOf(record), record)
        const settled = settledLine(record.requestId, openingOf(record), record, price)
        const row = sql`SELECT *, xmin::text AS version, ctid::text AS place FROM usage WHERE request_id = ${record.requestId}`

        yield* upsert(sql, [pending])
        assert.strictEqual(yield* statusOf(record.requestId), "pending")
        yield* upsert(sql, [pending, settled, pending, settled])
        const first = (yield* row)[0]
        assert.isDefined(first)
        assert.deepInclude(first, { status: "completed", tokens_prompt: 3, price_id: price.id })
        for (const lines of [[settled], [pending], [settled, pending]]) {
          yield* upsert(sql, lines)
          assert.deepStrictEqual(yield* row, [first])
        }
      })
    )

    it.effect("waits while the database is away, says how much waits, and goes on when it is back", () =>
      Effect.gen(function* () {
        const control = yield* DatabaseSwitch
        const before = yield* waiting
        control.state = "away"
        const ids = yield* Effect.all(Array.from({ length: 300 }, () => make()))
        yield* inTime(Effect.map(waiting, (count) => count === before + 300))
        const ledger = yield* Ledger
        assert.strictEqual((yield* ledger.find("user_1", ids[7] ?? "")).status, "completed", "it is told from memory")
        assert.strictEqual((yield* Effect.flip(ledger.find("user_1", "req_older"))).reason, "database_unavailable")
        assert.strictEqual((yield* Effect.flip(ledger.flush)).reason, "database_unavailable")
        control.state = "there"
        yield* inTime(haveArrived(ids))
        yield* inTime(Effect.map(waiting, (count) => count === 0))
      })
    )

    it.effect("tells of a call that takes long while it runs", () =>
      Effect.gen(function* () {
        const { end, id } = yield* begin()
        yield* TestClock.adjust("9 seconds")
        assert.isUndefined(yield* statusOf(id))
        yield* inTime(Effect.map(statusOf(id), (status) => status === "pending"))
        end(ended({ status: "cancelled" }))
        yield* inTime(Effect.map(statusOf(id), (status) => status === "cancelled"))
      })
    )

    it.effect("puts aside what the database will never take, and brings the rest", () =>
      Effect.gen(function* () {
        const journal = yield* Journal
        const ledger = yield* Ledger
        const good = [yield* make(), yield* make()]
        const poison = `{"request_id":"req_poison","status":"completed","id":null,"v":1}`
        journal.end("req_poison", poison)
        good.push(yield* make())
        yield* ledger.flush
        yield* arrived(good)
        assert.strictEqual(journal.waiting(), 0)
        assert.deepStrictEqual(yield* rowsOf(["req_poison"]), [])
        assert.strictEqual(readFileSync(`${yield* Place}/usage/refused.jsonl`, "utf8"), `${poison}\n`)
      })
    )
  })
}

/** One process's life with a ledger, over a database that outlives it. */
const life = <A, E, R>(
  dataDir: string,
  database: Layer.Layer<SqlClient>,
  use: Effect.Effect<A, E, R | Ledger | SqlClient | Metrics>
) => Effect.provide(use, layerLedger(database, dataDir), { local: true })

describe("a ledger with a server", () => {
  it.live("that is killed during calls, and started again, has their rows within 3 seconds of that", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const database = Layer.orDie(layerServer(Redacted.make(server.url("postgres"))))
      yield* life(
        yield* temporaryFolder,
        migrated(database),
        Effect.gen(function* () {
          const before = yield* Effect.all(Array.from({ length: 20 }, () => make()))
          const across = yield* Effect.all(Array.from({ length: 20 }, () => begin()))
          yield* arrived(before)
          yield* server.kill
          for (const { end } of across) end(ended())
          const during = yield* Effect.all(Array.from({ length: 20 }, () => make()))
          const ledger = yield* Ledger
          assert.strictEqual((yield* Effect.flip(ledger.flush)).reason, "database_unavailable")
          assert.isAtLeast(yield* waiting, 40)
          yield* server.restart
          const start = performance.now()
          yield* arrived([...before, ...across.map(({ id }) => id), ...during])
          assert.isBelow(performance.now() - start, 3000)
          yield* eventually(Effect.map(waiting, (count) => count === 0))
        })
      )
    })
  )

  it.live("that hangs, and goes on, has their rows within 3 seconds of that", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const database = Layer.orDie(layerServer(Redacted.make(server.url("postgres"))))
      yield* life(
        yield* temporaryFolder,
        migrated(database),
        Effect.gen(function* () {
          yield* arrived([yield* make()])
          yield* server.pause
          const during = yield* Effect.all(Array.from({ length: 20 }, () => make()))
          const ledger = yield* Ledger
          assert.strictEqual((yield* Effect.flip(ledger.flush)).reason, "database_unavailable")
          yield* server.resume
          const start = performance.now()
          yield* arrived(during)
          assert.isBelow(performance.now() - start, 3000)
        })
      )
    })
  )

  it.live("ships all it knows before it ends, and tells calls that nobody ended as interrupted", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const database = migrated(layerServer(Redacted.make(server.url("postgres"))))
      const dataDir = yield* temporaryFolder
      const [done, open] = yield* life(dataDir, database, Effect.all([make(), begin()]))
      assert.deepStrictEqual(journalLines(dataDir), [])
      assert.isFalse(existsSync(`${dataDir}/usage.lock`))
      const rows = yield* Effect.provide(rowsOf([done, open.id]), database)
      assert.deepStrictEqual(
        new Map(rows.map(({ request_id, status }) => [request_id, status])),
        new Map([
          [done, "completed"],
          [open.id, "interrupted"]
        ])
      )
    })
  )

  it.live("that is away when it ends leaves all it knows to its next start", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const database = Layer.orDie(layerServer(Redacted.make(server.url("postgres"))))
      const dataDir = yield* temporaryFolder
      yield* Effect.void.pipe(Effect.provide(migrated(database)))
      yield* server.kill
      const ids = yield* life(dataDir, database, Effect.all(Array.from({ length: 20 }, () => make())))
      assert.isAtLeast(journalLines(dataDir).length, 20)
      yield* server.restart
      yield* life(
        dataDir,
        database,
        Effect.gen(function* () {
          yield* arrived(ids)
          assert.strictEqual((yield* rowsOf(ids)).length, 20)
        })
      )
      assert.deepStrictEqual(journalLines(dataDir), [])
    })
  )
})
