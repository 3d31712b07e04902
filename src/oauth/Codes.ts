import { Clock, Context, Duration, Effect, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { makeId } from "../auth/Id.ts"
import type { InternalError } from "../domain/Errors.ts"
import { type Scope, scopes } from "../domain/Principal.ts"
import { query } from "../storage/Query.ts"
import type { AuthorizationRequest } from "./AuthorizationRequest.ts"
import { Grants } from "./Grants.ts"
import { drawSecret, hashSecret } from "./Secret.ts"
import type { Session } from "./Sessions.ts"

/** What a code stands for. */
export interface RedeemedCode {
  readonly grantId: string
  readonly userId: string
  readonly redirectUri: string
  readonly codeChallenge: string
  readonly scopes: ReadonlyArray<Scope>
  readonly resources: ReadonlyArray<string>
  /** Unix milliseconds. */
  readonly signedInAt: number
}

/**
 * Authorization codes. They live in the database and nowhere else: that a code is good once, however many ask for it at once and
 * wherever they ask, is one statement there.
 */
export class Codes extends Context.Service<
  Codes,
  {
    /** What the user has allowed, as a code for the client; undefined where the session or the client has ended meanwhile. */
    readonly issue: (
      session: Session,
      request: AuthorizationRequest
    ) => Effect.Effect<Redacted.Redacted | undefined, InternalError>
    /**
     * What a code of this client stands for, to the first who asks; undefined to all others. One who asks again, whoever it is,
     * has a code that was not kept secret: what it gave is taken back.
     */
    readonly redeem: (code: string, clientId: string) => Effect.Effect<RedeemedCode | undefined, InternalError>
  }
>()("xrouter/oauth/Codes") {
  static readonly layer = Layer.effect(
    Codes,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const grants = yield* Grants

      const issue = Effect.fn("Codes.issue")(function* (session: Session, request: AuthorizationRequest) {
        const code = drawSecret()
        const now = yield* Clock.currentTimeMillis
        const issued = yield* query(sql`
          WITH allowed AS (
            INSERT INTO oauth_grants (id, client_id, user_id, session_id, scopes, resources, signed_in_at, created_at)
            SELECT ${yield* makeId("grant")}, c.id, u.id, s.id, ${request.scopes}::text[], ${request.resources}::text[],
              s.signed_in_at, ${new Date(now)}::timestamptz
            FROM sessions s JOIN users u ON u.id = s.user_id JOIN oauth_clients c ON c.id = ${request.client.id}
            WHERE s.id = ${session.id} AND s.ended_at IS NULL AND u.deleted_at IS NULL AND c.deleted_at IS NULL
            RETURNING id, client_id
          ), used AS (
            UPDATE oauth_clients c SET last_used_at = ${new Date(now)}::timestamptz FROM allowed WHERE c.id = allowed.client_id
          )
          INSERT INTO oauth_codes (hash, grant_id, client_id, redirect_uri, code_challenge, expires_at)
          SELECT ${hashSecret(code)}, allowed.id, allowed.client_id, ${request.redirectUri}, ${request.codeChallenge},
            ${new Date(now + Duration.toMillis(lifetime))}::timestamptz
          FROM allowed
          RETURNING grant_id`)
        return issued.length === 0 ? undefined : Redacted.make(code, { label: "authorization code" })
      })

      const redeem = Effect.fn("Codes.redeem")(function* (code: string, clientId: string) {
        const now = new Date(yield* Clock.currentTimeMillis)
        const hash = hashSecret(code)
        const [won] = yield* query(
          Effect.flatMap(
            sql`
              UPDATE oauth_codes c SET used_at = ${now}::timestamptz
              FROM oauth_grants g
              WHERE c.hash = ${hash} AND c.client_id = ${clientId} AND c.used_at IS NULL
                AND c.expires_at > ${now}::timestamptz AND g.id = c.grant_id AND g.revoked_at IS NULL
              RETURNING g.id, g.user_id, c.redirect_uri, c.code_challenge, g.scopes, g.resources, g.signed_in_at`,
            decodeRows
          )
        )
        if (won !== undefined) {
          return {
            grantId: won.id,
            userId: won.user_id,
            redirectUri: won.redirect_uri,
            codeChallenge: won.code_challenge,
            scopes: won.scopes,
            resources: won.resources,
            signedInAt: won.signed_in_at.getTime()
          }
        }
        const [spent] = yield* query(
          sql<{ grant_id: string }>`SELECT grant_id FROM oauth_codes WHERE hash = ${hash} AND used_at IS NOT NULL`
        )
        if (spent !== undefined) yield* grants.revokeWhere({ id: spent.grant_id })
        return undefined
      })

      return Codes.of({ issue, redeem })
    })
  )
}

const lifetime = Duration.seconds(60)

const decodeRows = Schema.decodeUnknownEffect(
  Schema.Array(
    Schema.Struct({
      id: Schema.String,
      user_id: Schema.String,
      redirect_uri: Schema.String,
      code_challenge: Schema.String,
      scopes: Schema.Array(Schema.Literals(scopes)),
      resources: Schema.Array(Schema.String),
      signed_in_at: Schema.Date
    })
  )
)
