/** The stores of production: a real PostgreSQL and a real Redis on free ports, until this process is told to end. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Redis } from "ioredis"
import { startPostgres } from "../test/support/Postgres.ts"
import { startRedis } from "../test/support/Redis.ts"

const versionOfPostgres = (url: string) =>
  Effect.flatMap(SqlClient, (sql) => sql<{ server_version: string }>`SHOW server_version`).pipe(
    Effect.map(([row]) => row?.server_version ?? "of unknown version"),
    Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
  )

const versionOfRedis = (url: string) =>
  Effect.promise(async () => {
    const redis = new Redis(url)
    const info = await redis.info("server")
    redis.disconnect()
    return /redis_version:(\S+)/.exec(info)?.[1] ?? "of unknown version"
  })

Effect.gen(function* () {
  const postgres = yield* startPostgres
  const redis = yield* startRedis()
  const databaseUrl = postgres.url("postgres")
  const versions = [`PostgreSQL ${yield* versionOfPostgres(databaseUrl)}`, `Redis ${yield* versionOfRedis(redis.url)}`]
  process.send?.({ databaseUrl, redisUrl: redis.url, versions })
  return yield* Effect.never
}).pipe(Effect.scoped, NodeRuntime.runMain)
