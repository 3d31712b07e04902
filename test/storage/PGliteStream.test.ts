import { assert, layer } from "@effect/vitest"
import { PgClient } from "@effect/sql-pg"
import { Context, Deferred, Effect, Fiber, Layer } from "effect"
import type { PGlite } from "@electric-sql/pglite"
import { PGliteStream } from "../../src/storage/PGliteStream.ts"
import { eventually } from "../support/Eventually.ts"
import { sharedPGlite } from "../support/TestDatabase.ts"

class Engine extends Context.Service<Engine, PGlite>()("test/Engine") {}

/** Passes what the client writes on in pieces. */
class Crumbling extends PGliteStream {
  readonly #size: number

  constructor(db: PGlite, size: number) {
    super(db)
    this.#size = size
  }

  override write(...args: ReadonlyArray<unknown>): boolean {
    const [bytes] = args
    if (!(bytes instanceof Uint8Array)) throw new TypeError("bytes only")
    for (let start = 0; start < bytes.length; start += this.#size) super.write(bytes.slice(start, start + this.#size))
    return true
  }
}

const client = (db: PGlite, stream = (db: PGlite) => new PGliteStream(db)) =>
  PgClient.layer({ stream: () => stream(db), username: "postgres", database: "postgres", maxConnections: 1 })

layer(Layer.effect(Engine, sharedPGlite))("a connection to PGlite", (it) => {
  for (const size of [1, 2, 3, 7, 1000]) {
    it.effect(`reads messages that come in pieces of ${size} bytes`, () =>
      Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        const text = "й".repeat(500)
        assert.deepStrictEqual(yield* sql`SELECT ${text} AS text, ${[1.5, 2.5]}::float8[] AS numbers`, [
          { text, numbers: [1.5, 2.5] }
        ])
        assert.strictEqual((yield* Effect.flip(sql`SELECT 1/0`)).reason._tag, "UnknownError")
        assert.deepStrictEqual(yield* sql`SELECT 1 AS one`, [{ one: 1 }])
      }).pipe(Effect.provide(Layer.unwrap(Effect.map(Engine, (db) => client(db, (db) => new Crumbling(db, size))))))
    )
  }

  it.effect("many transactions at once take turns", () =>
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      yield* sql`CREATE TABLE turns (x int)`
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => index),
        (index) =>
          sql
            .withTransaction(
              Effect.gen(function* () {
                yield* sql`INSERT INTO turns VALUES (${index}::int)`
                yield* Effect.yieldNow
                if (index % 2 === 1) return yield* Effect.fail("odd")
              })
            )
            .pipe(Effect.ignore),
        { concurrency: "unbounded" }
      )
      const rows = yield* sql<{ x: number }>`SELECT x FROM turns ORDER BY x`
      assert.deepStrictEqual(
        rows.map(({ x }) => x),
        [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
      )
    }).pipe(Effect.provide(Layer.unwrap(Effect.map(Engine, (db) => client(db)))))
  )

  it.effect("begins without what one that broke in a transaction has left", () =>
    Effect.gen(function* () {
      const db = yield* Engine
      const streams: Array<PGliteStream> = []
      const remember = (db: PGlite) => {
        const stream = new PGliteStream(db)
        streams.push(stream)
        return stream
      }
      yield* Effect.gen(function* () {
        const sql = yield* PgClient.PgClient
        yield* sql`CREATE TABLE broken (x int)`
        const inside = yield* Deferred.make<void>()
        const fiber = yield* Effect.forkChild(
          sql.withTransaction(
            sql`INSERT INTO broken VALUES (1)`.pipe(
              Effect.andThen(sql`SELECT pg_advisory_lock(1)`),
              Effect.andThen(Deferred.succeed(inside, undefined)),
              Effect.andThen(Effect.never)
            )
          )
        )
        yield* Deferred.await(inside)
        streams[0]?.destroy()
        yield* Fiber.interrupt(fiber)
        yield* eventually(Effect.sync(() => streams[0]?.destroyed === true))
        assert.deepStrictEqual(yield* sql`SELECT x FROM broken`, [])
        assert.deepStrictEqual(yield* sql`SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory'`, [
          { locks: 0 }
        ])
        assert.isAbove(streams.length, 1)
      }).pipe(Effect.provide(client(db, remember)))
    })
  )
})
