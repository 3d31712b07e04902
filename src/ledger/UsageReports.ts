import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { InternalError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import type { CallRecord, CallStatus, CallTokens, Cost } from "./CallRecord.ts"
import { readCalls, usageColumns } from "./UsageTable.ts"

/** Which calls. Every bound that is given holds. */
export interface UsageFilter {
  /** Unix milliseconds: from this one on, and before that one. */
  readonly from?: number | undefined
  readonly to?: number | undefined
  readonly userId?: string | undefined
  readonly keyId?: string | undefined
  readonly model?: string | undefined
  readonly provider?: string | undefined
  readonly status?: CallStatus | undefined
}

export const groupings = ["day", "user", "key", "model", "provider"] as const
export type Grouping = (typeof groupings)[number]

/** What some calls used together. */
export interface UsageSum {
  readonly requests: number
  readonly tokens: CallTokens
  /** One a currency. */
  readonly costs: ReadonlyArray<Cost>
  /** Calls that have ended and whose cost nobody knows. */
  readonly unpriced: number
}

export interface UsageGroup extends UsageSum {
  /** The day (UTC, `2026-11-23`), the id or the name that its calls have in common. */
  readonly key: string
}

/** The call that was last in an earlier part of the list. */
export type CallCursor = Pick<CallRecord, "createdAt" | "requestId">

/** What the database knows of calls, for whoever runs the gateway. */
export class UsageReports extends Context.Service<
  UsageReports,
  {
    /** Newest first. */
    readonly calls: (
      filter: UsageFilter,
      page: { readonly rows: number; readonly after?: CallCursor | undefined }
    ) => Effect.Effect<ReadonlyArray<CallRecord>, InternalError>
    readonly total: (filter: UsageFilter) => Effect.Effect<UsageSum, InternalError>
    /** In falling order of their keys, so that the newest day is first. */
    readonly groups: (
      filter: UsageFilter,
      by: Grouping,
      page: { readonly rows: number; readonly after?: string | undefined }
    ) => Effect.Effect<ReadonlyArray<UsageGroup>, InternalError>
  }
>()("xrouter/ledger/UsageReports") {
  static readonly layer = Layer.effect(
    UsageReports,
    Effect.gen(function* () {
      const sql = yield* SqlClient

      const where = (filter: UsageFilter) =>
        sql.and([
          "true",
          ...(filter.from === undefined ? [] : [sql`created_at >= ${new Date(filter.from)}::timestamptz`]),
          ...(filter.to === undefined ? [] : [sql`created_at < ${new Date(filter.to)}::timestamptz`]),
          ...(filter.userId === undefined ? [] : [sql`user_id = ${filter.userId}`]),
          ...(filter.keyId === undefined ? [] : [sql`key_id = ${filter.keyId}`]),
          ...(filter.model === undefined ? [] : [sql`model = ${filter.model}`]),
          ...(filter.provider === undefined ? [] : [sql`provider = ${filter.provider}`]),
          ...(filter.status === undefined ? [] : [sql`status = ${filter.status}`])
        ])

      /** Sums over months may take longer than anything a call waits for; that nobody is there is told as soon as ever. */
      const patiently = <A, E, R>(ask: Effect.Effect<A, E, R>) =>
        Effect.andThen(
          query(sql`SELECT 1`),
          query(
            sql.withTransaction(Effect.andThen(sql`SET LOCAL statement_timeout = ${sql.literal(sumMillis)}`, ask)),
            sumPatience
          )
        )

      /** Of all calls, or of those with one key each. */
      const sums = (
        filter: UsageFilter,
        by: Grouping | undefined,
        page: { rows: number; after?: string | undefined }
      ) => {
        const key = sql.literal(by === undefined ? "''" : keys[by])
        const after = page.after === undefined ? sql`` : sql`AND ${key} < ${page.after}`
        return patiently(
          sql`
            WITH parts AS (
              SELECT ${key} COLLATE "C" AS key, currency, count(*) AS requests, sum(tokens_prompt) AS prompt,
                sum(tokens_completion) AS completion, sum(tokens_cached) AS cached, sum(tokens_reasoning) AS reasoning,
                sum(cost_micros) AS cost, count(*) FILTER (WHERE cost_micros IS NULL AND status <> 'pending') AS unpriced
              FROM usage WHERE ${where(filter)} ${after}
              GROUP BY 1, 2
            )
            SELECT key, sum(requests)::float8 AS requests, coalesce(sum(prompt), 0)::float8 AS prompt,
              coalesce(sum(completion), 0)::float8 AS completion, coalesce(sum(cached), 0)::float8 AS cached,
              coalesce(sum(reasoning), 0)::float8 AS reasoning, sum(unpriced)::float8 AS unpriced,
              coalesce(jsonb_object_agg(currency, cost::text) FILTER (WHERE currency IS NOT NULL), '{}') AS costs
            FROM parts GROUP BY key ORDER BY key DESC LIMIT ${page.rows}::int`.pipe(Effect.flatMap(decodeSums))
        ).pipe(Effect.map((rows) => rows.map(toGroup)))
      }

      return UsageReports.of({
        calls: Effect.fn("UsageReports.calls")(function* (filter, { after, rows }) {
          const older =
            after === undefined
              ? sql``
              : sql`AND (created_at, request_id) < (${new Date(after.createdAt)}::timestamptz, ${after.requestId})`
          return yield* query(
            readCalls(sql`
              SELECT ${sql.literal(usageColumns)} FROM usage WHERE ${where(filter)} ${older}
              ORDER BY created_at DESC, request_id DESC LIMIT ${rows}::int`)
          )
        }),
        total: Effect.fn("UsageReports.total")(function* (filter) {
          return (yield* sums(filter, undefined, { rows: 1 }))[0] ?? nothing
        }),
        groups: Effect.fn("UsageReports.groups")((filter, by, page) => sums(filter, by, page))
      })
    })
  )
}

const sumMillis = "20000"
const sumPatience = "20500 millis"

const keys: Readonly<Record<Grouping, string>> = {
  day: "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
  user: "user_id",
  key: "key_id",
  model: "model",
  provider: "provider"
}

const Sum = Schema.Struct({
  key: Schema.String,
  requests: Schema.Finite,
  prompt: Schema.Finite,
  completion: Schema.Finite,
  cached: Schema.Finite,
  reasoning: Schema.Finite,
  unpriced: Schema.Finite,
  costs: Schema.Record(Schema.String, Schema.BigIntFromString)
})
const decodeSums = Schema.decodeUnknownEffect(Schema.Array(Sum))

const toGroup = ({
  cached,
  completion,
  costs,
  key,
  prompt,
  reasoning,
  requests,
  unpriced
}: typeof Sum.Type): UsageGroup => ({
  key,
  requests,
  tokens: { prompt, completion, cached, reasoning },
  costs: Object.entries(costs).map(([currency, micros]) => ({ currency, micros })),
  unpriced
})

const nothing: UsageSum = {
  requests: 0,
  tokens: { prompt: 0, completion: 0, cached: 0, reasoning: 0 },
  costs: [],
  unpriced: 0
}
