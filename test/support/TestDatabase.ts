import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { PgClient } from "@effect/sql-pg"
import type { PGlite } from "@electric-sql/pglite"
import { Clock, Effect, Layer, Redacted, Semaphore } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { randomBytes } from "node:crypto"
import { layerServer, makeClient } from "../../src/storage/Database.ts"
import { Migrations } from "../../src/storage/Migrations.ts"
import { unpackPGlite } from "./PGliteArchive.ts"
import { sharedPostgres } from "./Postgres.ts"

/** Databases for suites that hold on every engine: one empty database a layer, by the client that the gateway itself uses. */

let pglite: Promise<PGlite> | undefined
const oneAtATime = Semaphore.makeUnsafe(1)

/** The files of a test worker share one, emptied for each suite. */
export const sharedPGlite = Effect.gen(function* () {
  yield* Effect.acquireRelease(oneAtATime.take(1), () => oneAtATime.release(1))
  const db = yield* Effect.promise(() => (pglite ??= unpackPGlite()))
  yield* Effect.promise(() => db.exec("ROLLBACK; DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
  return db
})

export const layerPGlite = PgClient.layerFrom(Effect.flatMap(sharedPGlite, makeClient))

/** A new database on a PostgreSQL server. */
export const freshDatabase = Effect.gen(function* () {
  const server = yield* sharedPostgres
  const name = `test_${randomBytes(6).toString("hex")}`
  const administer = (statement: (sql: SqlClient) => Effect.Effect<unknown, unknown>) =>
    Effect.flatMap(SqlClient, statement).pipe(
      Effect.provide(PgClient.layer({ url: Redacted.make(server.url("postgres")), maxConnections: 1 })),
      Effect.orDie
    )
  yield* Effect.acquireRelease(
    administer((sql) => sql`CREATE DATABASE ${sql(name)}`),
    () => administer((sql) => sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`)
  )
  return server.url(name)
})

export const layerPostgres = Layer.unwrap(Effect.map(freshDatabase, (url) => layerServer(Redacted.make(url))))

/** A pool wakes up each minute: it lives by the true clock, so that a test may turn its own by years. */
const trueClock = Layer.succeed(Clock.Clock, Clock.Clock.defaultValue())

export const engines = [
  ["PGlite", Layer.provide(layerPGlite, trueClock)],
  ["PostgreSQL", Layer.provide(layerPostgres, trueClock)]
] as const

/** A database with the gateway's tables. */
export const migrated = <A, E, R>(database: Layer.Layer<A | SqlClient, E, R>) =>
  Migrations.layer.pipe(Layer.provideMerge(database), Layer.provide(NodeFileSystem.layer), Layer.orDie)

export const migratedEngines = engines.map(([name, database]) => [name, migrated(database)] as const)
