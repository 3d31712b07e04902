import { Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import type { InternalError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import { type Revoked, revokedFrom } from "./Revoked.ts"

/** What a look into the log brings. */
export interface News {
  /** `all` where it is not known what was missed. */
  readonly revoked: ReadonlyArray<Revoked> | "all"
  /** Where the next look begins: the transactions that this one has seen, as PostgreSQL writes a `pg_snapshot`. */
  readonly snapshot: string
}

/** More than that are not told one by one. */
const mostNews = 10_000
/** There is another look soon. */
const patience = "1000 millis"
const mostSwept = 10_000

const Row = Schema.Struct({ snapshot: Schema.String, went_back: Schema.Boolean, news: Schema.Array(Schema.String) })
const decodeRow = Schema.decodeUnknownEffect(Schema.NonEmptyArray(Row))

/**
 * What was noted by transactions that an earlier look did not see, each exactly once: those that began before it and were
 * committed after it are found, and a transaction that stays open for hours holds nobody else's news up. A database that was set
 * back to an earlier time, by a restored backup, has lost count.
 */
export const readLog = Effect.fnUntraced(function* (
  sql: SqlClient,
  since: string | undefined
): Effect.fn.Return<News, InternalError> {
  const from = sql`${since ?? null}::pg_snapshot`
  const [{ news, snapshot, went_back }] = yield* query(
    sql`
      SELECT pg_current_snapshot()::text AS snapshot,
        coalesce(pg_snapshot_xmax(pg_current_snapshot()) < pg_snapshot_xmin(${from}), false) AS went_back,
        ARRAY(
          SELECT kind || ' ' || subject FROM revocations
          WHERE xid >= pg_snapshot_xmin(${from}) AND NOT pg_visible_in_snapshot(xid, ${from})
          LIMIT ${mostNews + 1}::int
        ) AS news`.pipe(Effect.flatMap(decodeRow)),
    patience
  )
  const isKnown = since !== undefined && !went_back && news.length <= mostNews
  return { snapshot, revoked: isKnown ? news.flatMap((line) => revokedFrom(line) ?? []) : "all" }
})

/**
 * Removes what a look of some time ago has seen. Rows of a restored backup bear the numbers of another server's transactions, which
 * may lie in the future here, and would be news for ever: they go by the clock.
 */
export const sweepLog = (sql: SqlClient, snapshot: string) => {
  const seen = sql`${snapshot}::pg_snapshot`
  return query(
    sql`
      DELETE FROM revocations WHERE id IN (
        SELECT id FROM revocations
        WHERE pg_visible_in_snapshot(xid, ${seen})
          OR (xid >= pg_snapshot_xmax(${seen}) AND noted_at < now() - interval '1 day')
        ORDER BY id LIMIT ${mostSwept}::int FOR UPDATE SKIP LOCKED
      )`
  )
}
