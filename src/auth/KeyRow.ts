import { Effect, Exit, Schema } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { LimitSet, type Principal } from "../domain/Principal.ts"
import { makeNetworks } from "./Networks.ts"

/** A key as it is looked up to decide on a request. */
export interface KnownKey {
  readonly principal: Principal
  readonly revoked: boolean
  /** Whether a caller may come from this address. */
  readonly admits: (ip: string) => boolean
  /** `principal`, ready to be answered. */
  readonly admitted: Effect.Effect<Principal>
}

const Row = Schema.Struct({
  hash: Schema.String,
  id: Schema.String,
  user_id: Schema.String,
  name: Schema.String,
  tier: Schema.String,
  limits: LimitSet,
  models: Schema.NullOr(Schema.Array(Schema.String)),
  allowed_ips: Schema.NullOr(Schema.Array(Schema.String)),
  expires_at: Schema.NullOr(Schema.Date),
  revoked: Schema.Boolean
})

const decodeRow = Schema.decodeUnknownExit(Row)

/**
 * The keys behind some hashes, by hash; what is not there is missing in the answer. A row that this version cannot read is a
 * failure of that key alone.
 */
export const selectKeys = Effect.fnUntraced(function* (sql: SqlClient, hashes: ReadonlyArray<string>) {
  const rows = yield* sql<{ hash: string }>`
    SELECT k.hash, k.id, k.user_id, k.name, coalesce(k.tier, u.tier) AS tier, k.limits, k.models, k.allowed_ips, k.expires_at,
      (k.revoked_at IS NOT NULL OR u.deleted_at IS NOT NULL) AS revoked
    FROM api_keys k JOIN users u ON u.id = k.user_id
    WHERE k.hash = ANY(${hashes}::text[])`
  return new Map(rows.map((row) => [row.hash, Exit.map(decodeRow(row), toKnownKey)]))
})

const toKnownKey = (row: typeof Row.Type): KnownKey => {
  const principal: Principal = {
    userId: row.user_id,
    credentialId: row.id,
    kind: "key",
    label: row.name,
    tier: row.tier,
    limitSubject: row.id,
    limits: row.limits,
    scopes: ["inference"],
    models: row.models ?? undefined,
    allowedIps: row.allowed_ips ?? undefined,
    expiresAt: row.expires_at?.getTime()
  }
  return {
    principal,
    revoked: row.revoked,
    admits: row.allowed_ips === null ? () => true : makeNetworks(row.allowed_ips),
    admitted: Effect.succeed(principal)
  }
}
