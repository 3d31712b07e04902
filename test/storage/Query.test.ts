import { assert, describe, it as test, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { InternalError } from "../../src/domain/Errors.ts"
import { layerServer } from "../../src/storage/Database.ts"
import { query } from "../../src/storage/Query.ts"
import { startPostgres } from "../support/Postgres.ts"
import { engines, layerPostgres } from "../support/TestDatabase.ts"

const reasonOf = <A, E, R>(ask: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(query(ask)), (error) => (error instanceof InternalError ? error.reason : error))

for (const [engine, database] of engines) {
  layer(Layer.orDie(database))(`a question to ${engine}`, (it) => {
    it.effect("passes on what is answered, and failures that are not the database's", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        assert.deepStrictEqual(yield* query(sql`SELECT 1 AS one`), [{ one: 1 }])
        assert.strictEqual(yield* Effect.flip(query(Effect.fail("own"))), "own")
      })
    )

    it.effect("that is wrong is unexpected; so is a row that is not what it should be", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        assert.strictEqual(yield* reasonOf(sql`SELECT nonsense(`), "unexpected")
        const rows = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ one: Schema.String })))
        assert.strictEqual(yield* reasonOf(Effect.flatMap(sql`SELECT 1 AS one`, rows)), "unexpected")
      })
    )

    it.effect("about a table that a migration will bring finds the database unavailable", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        assert.strictEqual(yield* reasonOf(sql`SELECT * FROM not_there_yet`), "database_unavailable")
      })
    )
  })
}

// At once, because they wait for timeouts.
describe.concurrent("a question to a server", () => {
  test.live("that is killed or hangs fails in time; one that is back answers", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      yield* Effect.gen(function* () {
        const sql = yield* SqlClient
        const timed = Effect.timed(reasonOf(sql`SELECT 1 AS one`))
        yield* query(sql`SELECT 1`)

        yield* server.kill
        const [refused, reason] = yield* timed
        assert.strictEqual(reason, "database_unavailable")
        assert.isBelow(Duration.toMillis(refused), 1000)

        yield* server.restart
        assert.deepStrictEqual(yield* query(sql`SELECT 1 AS one`), [{ one: 1 }])

        yield* server.pause
        const [hung, other] = yield* timed
        assert.strictEqual(other, "database_unavailable")
        assert.isBelow(Duration.toMillis(hung), 3500)
        yield* server.resume
        assert.deepStrictEqual(yield* query(sql`SELECT 1 AS one`), [{ one: 1 }])
      }).pipe(Effect.provide(layerServer(Redacted.make(server.url("postgres")))))
    })
  )

  test.live("that is slow fails in time, and leaves nothing running", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      assert.strictEqual(yield* reasonOf(sql`SELECT pg_sleep(10)`), "database_unavailable")
      assert.deepStrictEqual(yield* query(sql`SELECT 1 AS one`), [{ one: 1 }])
      const sleeping = sql`SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(10)%' AND pid <> pg_backend_pid()`
      assert.deepStrictEqual(yield* sleeping, [])
    }).pipe(Effect.provide(layerPostgres))
  )

  test.live("of two transactions that lock each other out, both are done in the end", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient
      yield* sql`CREATE TABLE pair (id int PRIMARY KEY, x int NOT NULL)`
      yield* sql`INSERT INTO pair VALUES (1, 0), (2, 0)`
      const ready = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
      const crosswise = (first: 0 | 1, second: 0 | 1) =>
        query(
          sql.withTransaction(
            Effect.gen(function* () {
              yield* sql`SET LOCAL deadlock_timeout = '10ms'`
              yield* sql`UPDATE pair SET x = x + 1 WHERE id = ${first + 1}::int`
              yield* Deferred.succeed(ready[first], undefined)
              yield* Deferred.await(ready[second])
              yield* sql`UPDATE pair SET x = x + 1 WHERE id = ${second + 1}::int`
            })
          )
        )
      const fibers = [yield* Effect.forkChild(crosswise(0, 1)), yield* Effect.forkChild(crosswise(1, 0))]
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(yield* sql`SELECT x FROM pair ORDER BY id`, [{ x: 2 }, { x: 2 }])
    }).pipe(Effect.provide(layerPostgres))
  )
})
