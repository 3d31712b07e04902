/** The stores of production: a real PostgreSQL and a real Redis on free ports, until this process is told to end. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import { startPostgres } from "../test/support/Postgres.ts"
import { startRedis } from "../test/support/Redis.ts"

Effect.gen(function* () {
  const postgres = yield* startPostgres
  const redis = yield* startRedis()
  process.send?.({ port: postgres.port, databaseUrl: postgres.url("postgres"), redisUrl: redis.url })
  return yield* Effect.never
}).pipe(Effect.scoped, NodeRuntime.runMain)
