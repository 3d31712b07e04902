import { Effect, Option, Schema } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { Attempt } from "../domain/Attempt.ts"
import { query } from "../storage/Query.ts"
import { type CallRecord, callStatuses } from "./CallRecord.ts"

/**
 * Writes calls as lines of the journal tell them. The same lines again change nothing; of two states of a call the later one stays,
 * whatever the order they come in: only a row that is `pending` can change.
 */
export const upsert = (sql: SqlClient, lines: ReadonlyArray<string>) =>
  sql`
  WITH told AS (
    SELECT DISTINCT ON (request_id) *, to_timestamp(created_ms / 1000.0) AS created_at
    FROM jsonb_to_recordset(${`[${lines.join(",")}]`}::jsonb) AS line (
      request_id text, status text, id text, created_ms bigint, user_id text, key_id text, model text, provider text,
      provider_model text, streamed boolean, finish_reason text, tokens_prompt integer, tokens_completion integer,
      tokens_cached integer, tokens_reasoning integer, estimated boolean, cost_micros numeric, currency text, price_id text,
      price jsonb, latency_ms integer, time_to_first_token_ms integer, attempts jsonb
    )
    ORDER BY request_id, status = 'pending'
  ), priced AS (
    INSERT INTO prices (id, model, currency, per, input, output, cached_input, since)
    SELECT DISTINCT ON (price_id) price_id, price ->> 'model', price ->> 'currency', (price ->> 'per')::bigint,
      (price ->> 'input')::numeric, (price ->> 'output')::numeric, (price ->> 'cached_input')::numeric, created_at
    FROM told
    -- Nearly always it is known, and then no instance waits for another.
    WHERE price_id IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM prices known WHERE known.id = told.price_id AND known.since <= told.created_at
    )
    ORDER BY price_id, created_at
    ON CONFLICT (id) DO UPDATE SET since = excluded.since WHERE prices.since > excluded.since
  )
  INSERT INTO usage (request_id, id, created_at, user_id, key_id, model, provider, provider_model, streamed, status,
    finish_reason, tokens_prompt, tokens_completion, tokens_cached, tokens_reasoning, estimated, cost_micros, currency, price_id,
    latency_ms, time_to_first_token_ms, attempts)
  SELECT request_id, id, created_at, user_id, key_id, model, provider, provider_model, streamed, status,
    finish_reason, tokens_prompt, tokens_completion, tokens_cached, tokens_reasoning, coalesce(estimated, false), cost_micros,
    currency, price_id, latency_ms, time_to_first_token_ms, coalesce(attempts, '[]')
  FROM told
  ON CONFLICT (request_id) DO UPDATE SET provider = excluded.provider, provider_model = excluded.provider_model,
    status = excluded.status, finish_reason = excluded.finish_reason, tokens_prompt = excluded.tokens_prompt,
    tokens_completion = excluded.tokens_completion, tokens_cached = excluded.tokens_cached,
    tokens_reasoning = excluded.tokens_reasoning, estimated = excluded.estimated, cost_micros = excluded.cost_micros,
    currency = excluded.currency, price_id = excluded.price_id, latency_ms = excluded.latency_ms,
    time_to_first_token_ms = excluded.time_to_first_token_ms, attempts = excluded.attempts
  WHERE usage.status = 'pending' AND excluded.status <> 'pending'`.pipe(Effect.asVoid)

const Row = Schema.Struct({
  request_id: Schema.String,
  id: Schema.String,
  created_at: Schema.Date,
  user_id: Schema.String,
  key_id: Schema.String,
  model: Schema.String,
  provider: Schema.String,
  provider_model: Schema.String,
  streamed: Schema.Boolean,
  status: Schema.Literals(callStatuses),
  finish_reason: Schema.NullOr(Schema.String),
  tokens_prompt: Schema.NullOr(Schema.Int),
  tokens_completion: Schema.NullOr(Schema.Int),
  tokens_cached: Schema.NullOr(Schema.Int),
  tokens_reasoning: Schema.NullOr(Schema.Int),
  estimated: Schema.Boolean,
  /** As text: no number of JavaScript's holds all of them. */
  cost_micros: Schema.NullOr(Schema.BigIntFromString),
  currency: Schema.NullOr(Schema.String),
  latency_ms: Schema.NullOr(Schema.Int),
  time_to_first_token_ms: Schema.NullOr(Schema.Int),
  attempts: Schema.Array(Attempt)
})

export const usageColumns = `request_id, id, created_at, user_id, key_id, model, provider, provider_model, streamed, status,
  finish_reason, tokens_prompt, tokens_completion, tokens_cached, tokens_reasoning, estimated, cost_micros::text AS cost_micros,
  currency, latency_ms, time_to_first_token_ms, attempts`

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Row))

/** Of a query over `usage` that selects `usageColumns`. */
export const readCalls = <E, R>(ask: Effect.Effect<ReadonlyArray<object>, E, R>) =>
  ask.pipe(
    Effect.flatMap(decodeRows),
    Effect.map((rows) => rows.map(toRecord))
  )

const decodeLine = Schema.decodeOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))
const decodeRow = Schema.decodeUnknownOption(Row)

/** What a line of the journal leaves out is what the table fills in. */
const untold = {
  finish_reason: null,
  tokens_prompt: null,
  tokens_completion: null,
  tokens_cached: null,
  tokens_reasoning: null,
  estimated: false,
  cost_micros: null,
  currency: null,
  latency_ms: null,
  time_to_first_token_ms: null,
  attempts: []
}

/** The call that a line of the journal tells of, as the table will tell it; none where the line is none. */
export const recordOf = (line: string): ReadonlyArray<CallRecord> =>
  Option.toArray(
    Option.flatMap(decodeLine(line), (columns) =>
      Option.map(decodeRow({ ...untold, ...columns, created_at: new Date(Number(columns["created_ms"])) }), toRecord)
    )
  )

const toRecord = (row: typeof Row.Type): CallRecord => ({
  requestId: row.request_id,
  id: row.id,
  createdAt: row.created_at.getTime(),
  userId: row.user_id,
  keyId: row.key_id,
  model: row.model,
  provider: row.provider,
  providerModel: row.provider_model,
  streamed: row.streamed,
  status: row.status,
  finishReason: row.finish_reason,
  tokens:
    row.tokens_prompt === null
      ? null
      : {
          prompt: row.tokens_prompt,
          completion: row.tokens_completion ?? 0,
          cached: row.tokens_cached ?? 0,
          reasoning: row.tokens_reasoning ?? 0
        },
  estimated: row.estimated,
  cost: row.cost_micros === null || row.currency === null ? null : { micros: row.cost_micros, currency: row.currency },
  latencyMillis: row.latency_ms,
  firstTokenMillis: row.time_to_first_token_ms,
  attempts: row.attempts
})

/** A user's own call, by its answer's id or its request id. */
export const findCall = (sql: SqlClient, userId: string, id: string) =>
  query(
    readCalls(
      sql`SELECT ${sql.literal(usageColumns)} FROM usage WHERE user_id = ${userId} AND (request_id = ${id} OR id = ${id}) LIMIT 1`
    )
  ).pipe(Effect.map(([call]) => call))
