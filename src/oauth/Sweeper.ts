import { Clock, Effect, Layer, Schedule } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { query } from "../storage/Query.ts"

/**
 * Takes away what is over and of no more use to anybody. Spent codes stay as long as the token they gave, since a replay takes that
 * back; clients that have registered themselves and were never used stay a day.
 */
export const sweep = Effect.gen(function* () {
  const sql = yield* SqlClient
  const now = new Date(yield* Clock.currentTimeMillis)
  const before = (age: string) => sql`${now}::timestamptz - ${age}::interval`
  yield* query(sql`DELETE FROM oauth_requests WHERE expires_at < ${now}::timestamptz`)
  yield* query(sql`DELETE FROM sessions WHERE expires_at < ${before("1 day")} OR ended_at < ${before("1 day")}`)
  yield* query(sql`DELETE FROM oauth_codes WHERE expires_at < ${before("366 days")}`)
  yield* query(sql`DELETE FROM attempts WHERE last_at < ${before("1 day")}`)
  yield* query(sql`
    DELETE FROM oauth_clients c
    WHERE is_dynamic AND last_used_at IS NULL AND created_at < ${before("1 day")}
      AND NOT EXISTS (SELECT 1 FROM oauth_grants g WHERE g.client_id = c.id)
      AND NOT EXISTS (SELECT 1 FROM oauth_requests r WHERE r.client_id = c.id)`)
}).pipe(Effect.withSpan("Sweeper.sweep"))

/** Every ten minutes, on every instance: it costs little, and none is special. */
export const SweeperLayer = Layer.effectDiscard(
  sweep.pipe(
    Effect.catch((error) => Effect.logDebug("What is over was not swept away; trying again later", error)),
    Effect.schedule(Schedule.spaced("10 minutes")),
    Effect.delay("1 minute"),
    Effect.forkScoped
  )
)
