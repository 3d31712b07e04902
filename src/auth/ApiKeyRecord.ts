import { Effect, Schema } from "effect"
import { LimitSet } from "../domain/Principal.ts"

/** A key as its owner sees it: everything but the key. Times are Unix milliseconds. */
export interface ApiKeyRecord {
  readonly id: string
  readonly userId: string
  readonly prefix: string
  readonly name: string
  /** Its own, or its user's. */
  readonly tier: string
  readonly limits: LimitSet
  /** All models where undefined. */
  readonly models: ReadonlyArray<string> | undefined
  /** From everywhere where undefined. */
  readonly allowedIps: ReadonlyArray<string> | undefined
  readonly createdAt: number
  readonly expiresAt: number | undefined
  readonly lastUsedAt: number | undefined
}

export interface NewApiKey {
  readonly userId: string
  readonly name: string
  /** The user's, now and later, where it is not said. */
  readonly tier?: string | undefined
  readonly limits?: LimitSet | undefined
  readonly models?: ReadonlyArray<string> | undefined
  readonly allowedIps?: ReadonlyArray<string> | undefined
  readonly expiresAt?: number | undefined
}

/** What is not named stays; null takes away. `limits` are replaced as a whole. */
export interface ApiKeyChanges {
  readonly name?: string | undefined
  readonly tier?: string | null | undefined
  readonly limits?: LimitSet | null | undefined
  readonly models?: ReadonlyArray<string> | null | undefined
  readonly allowedIps?: ReadonlyArray<string> | null | undefined
  readonly expiresAt?: number | null | undefined
}

const Row = Schema.Struct({
  id: Schema.String,
  user_id: Schema.String,
  hash: Schema.String,
  prefix: Schema.String,
  name: Schema.String,
  tier: Schema.String,
  limits: LimitSet,
  models: Schema.NullOr(Schema.Array(Schema.String)),
  allowed_ips: Schema.NullOr(Schema.Array(Schema.String)),
  created_at: Schema.Date,
  expires_at: Schema.NullOr(Schema.Date),
  last_used_at: Schema.NullOr(Schema.Date)
})

const decodeRows = Schema.decodeUnknownEffect(Schema.Array(Row))

/** Of a query over `api_keys k` and `users u` that selects `recordColumns`. */
export const readRows = <E, R>(ask: Effect.Effect<ReadonlyArray<object>, E, R>) => Effect.flatMap(ask, decodeRows)

export const recordColumns = `k.id, k.user_id, k.hash, k.prefix, k.name, coalesce(k.tier, u.tier) AS tier, k.limits, k.models,
  k.allowed_ips, k.created_at, k.expires_at, k.last_used_at`

export const toRecord = (row: typeof Row.Type): ApiKeyRecord => ({
  id: row.id,
  userId: row.user_id,
  prefix: row.prefix,
  name: row.name,
  tier: row.tier,
  limits: row.limits,
  models: row.models ?? undefined,
  allowedIps: row.allowed_ips ?? undefined,
  createdAt: row.created_at.getTime(),
  expiresAt: row.expires_at?.getTime(),
  lastUsedAt: row.last_used_at?.getTime()
})

/** The columns of `api_keys` that changes mean. */
export const toColumns = ({
  name,
  tier,
  limits,
  models,
  allowedIps,
  expiresAt
}: ApiKeyChanges): Record<string, unknown> => ({
  ...(name !== undefined && { name }),
  ...(tier !== undefined && { tier }),
  ...(limits !== undefined && { limits: JSON.stringify(limits ?? {}) }),
  ...(models !== undefined && { models }),
  ...(allowedIps !== undefined && { allowed_ips: allowedIps }),
  ...(expiresAt !== undefined && { expires_at: expiresAt === null ? null : new Date(expiresAt) })
})
