import { Clock, Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { isId } from "../auth/Id.ts"
import { Revocations } from "../auth/Revocations.ts"
import type { InternalError } from "../domain/Errors.ts"
import { type Scope, scopes } from "../domain/Principal.ts"
import { query } from "../storage/Query.ts"

/** What a user has allowed an application. Times are Unix milliseconds. */
export interface Grant {
  readonly id: string
  readonly clientId: string
  readonly clientName: string
  readonly scopes: ReadonlyArray<Scope>
  readonly createdAt: number
  readonly tokens: ReadonlyArray<{ readonly id: string; readonly issuedAt: number; readonly expiresAt: number }>
}

/** One of these, or several at once. */
export interface GrantFilter {
  readonly id?: string | undefined
  readonly userId?: string | undefined
  readonly clientId?: string | undefined
  readonly sessionId?: string | undefined
}

/** What users have allowed applications, and how it is taken back. */
export class Grants extends Context.Service<
  Grants,
  {
    /** Those that hold, newest first, with the tokens that came of them and hold. */
    readonly list: (userId: string) => Effect.Effect<ReadonlyArray<Grant>, InternalError>
    /** Whether the user has allowed the client all this before, so that it need not be asked again. */
    readonly covers: (wish: {
      readonly userId: string
      readonly clientId: string
      readonly scopes: ReadonlyArray<Scope>
      readonly resources: ReadonlyArray<string>
    }) => Effect.Effect<boolean, InternalError>
    /** Takes back every grant that fits, with all its tokens, and says how many there were. */
    readonly revokeWhere: (filter: GrantFilter) => Effect.Effect<number, InternalError>
    /** Takes back one token; false where the user, or the client, has no such token. */
    readonly revokeToken: (token: {
      readonly id: string
      readonly userId?: string | undefined
      readonly clientId?: string | undefined
    }) => Effect.Effect<boolean, InternalError>
  }
>()("xrouter/oauth/Grants") {
  static readonly layerNoDeps = Layer.effect(
    Grants,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const revocations = yield* Revocations

      const list = Effect.fn("Grants.list")(function* (userId: string) {
        const now = new Date(yield* Clock.currentTimeMillis)
        const rows = yield* query(
          Effect.flatMap(
            sql`
              SELECT g.id, g.client_id, c.name, g.scopes, g.created_at, t.id AS token_id, t.issued_at, t.expires_at
              FROM oauth_grants g
              JOIN oauth_clients c ON c.id = g.client_id AND c.deleted_at IS NULL
              LEFT JOIN oauth_tokens t ON t.grant_id = g.id AND t.revoked_at IS NULL AND t.expires_at > ${now}::timestamptz
              WHERE g.user_id = ${userId} AND g.revoked_at IS NULL
              ORDER BY g.id DESC, t.id DESC LIMIT 1000`,
            decodeRows
          )
        )
        const grants = new Map<string, Grant & { readonly tokens: Array<Grant["tokens"][number]> }>()
        for (const row of rows) {
          const grant = grants.get(row.id) ?? {
            id: row.id,
            clientId: row.client_id,
            clientName: row.name,
            scopes: row.scopes,
            createdAt: row.created_at.getTime(),
            tokens: []
          }
          grants.set(row.id, grant)
          if (row.token_id !== null && row.issued_at !== null && row.expires_at !== null) {
            grant.tokens.push({
              id: row.token_id,
              issuedAt: row.issued_at.getTime(),
              expiresAt: row.expires_at.getTime()
            })
          }
        }
        return [...grants.values()]
      })

      const covers: Grants["Service"]["covers"] = Effect.fn("Grants.covers")(function* (wish) {
        const rows = yield* query(sql`
          SELECT 1 FROM oauth_grants
          WHERE user_id = ${wish.userId} AND client_id = ${wish.clientId} AND revoked_at IS NULL
            AND scopes @> ${wish.scopes}::text[] AND resources @> ${wish.resources}::text[]
          LIMIT 1`)
        return rows.length > 0
      })

      const revokeWhere = Effect.fn("Grants.revokeWhere")(function* (filter: GrantFilter) {
        const conditions = [
          sql`revoked_at IS NULL`,
          ...(filter.id === undefined ? [] : [sql`id = ${filter.id}`]),
          ...(filter.userId === undefined ? [] : [sql`user_id = ${filter.userId}`]),
          ...(filter.clientId === undefined ? [] : [sql`client_id = ${filter.clientId}`]),
          ...(filter.sessionId === undefined ? [] : [sql`session_id = ${filter.sessionId}`])
        ]
        // Without a condition it would be all of everybody's.
        if (conditions.length === 1) return 0
        if (filter.id !== undefined && !isId("grant", filter.id)) return 0
        if (filter.clientId !== undefined && !isId("client", filter.clientId)) return 0
        const now = new Date(yield* Clock.currentTimeMillis)
        const revoked = yield* query(
          sql<{ id: string }>`
            UPDATE oauth_grants SET revoked_at = ${now}::timestamptz WHERE ${sql.and(conditions)} RETURNING id`
        )
        yield* revocations.announce(revoked.map(({ id }) => ({ kind: "grant", id })))
        return revoked.length
      })

      const revokeToken: Grants["Service"]["revokeToken"] = Effect.fn("Grants.revokeToken")(function* (token) {
        if (!isId("token", token.id)) return false
        const now = new Date(yield* Clock.currentTimeMillis)
        const revoked = yield* query(sql`
          UPDATE oauth_tokens t SET revoked_at = coalesce(t.revoked_at, ${now}::timestamptz)
          FROM oauth_grants g
          WHERE t.id = ${token.id} AND g.id = t.grant_id
            AND (${token.userId ?? null}::text IS NULL OR g.user_id = ${token.userId ?? null}::text)
            AND (${token.clientId ?? null}::text IS NULL OR g.client_id = ${token.clientId ?? null}::text)
          RETURNING t.id`)
        if (revoked.length === 0) return false
        yield* revocations.announce([{ kind: "token", id: token.id }])
        return true
      })

      return Grants.of({ list, covers, revokeWhere, revokeToken })
    })
  )

  static readonly layer = Grants.layerNoDeps.pipe(Layer.provide(Revocations.layer))
}

const decodeRows = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({
      id: Schema.String,
      client_id: Schema.String,
      name: Schema.String,
      scopes: Schema.Array(Schema.Literals(scopes)),
      created_at: Schema.Date,
      token_id: Schema.NullOr(Schema.String),
      issued_at: Schema.NullOr(Schema.Date),
      expires_at: Schema.NullOr(Schema.Date)
    })
  )
)
