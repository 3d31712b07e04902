import { Clock, Context, Duration, Effect, Layer, type Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { type AccessTokenClaims, writeClaims } from "../auth/AccessTokenClaims.ts"
import { AccessTokenKeys } from "../auth/AccessTokenKeys.ts"
import { makeId } from "../auth/Id.ts"
import { Settings } from "../config/Settings.ts"
import type { InternalError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import type { RedeemedCode } from "./Codes.ts"

/** An access token, and what is told of it. */
export interface IssuedToken {
  readonly token: Redacted.Redacted
  readonly claims: AccessTokenClaims
  readonly lifetime: Duration.Duration
}

/** Issues access tokens. Of each, its id and whose it is are kept. */
export class Tokens extends Context.Service<
  Tokens,
  {
    /**
     * Undefined where the client or the user is gone meanwhile. A grant that was taken back meanwhile, by a replay of its code,
     * still makes a token, and one that nobody takes: the first of many at once is answered as it would be alone.
     */
    readonly issue: (options: {
      readonly redeemed: RedeemedCode
      readonly clientId: string
      readonly resources: ReadonlyArray<string>
    }) => Effect.Effect<IssuedToken | undefined, InternalError>
  }
>()("xrouter/oauth/Tokens") {
  static readonly layer = Layer.effect(
    Tokens,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const keys = yield* AccessTokenKeys
      const { publicUrl } = yield* Settings

      const issue: Tokens["Service"]["issue"] = Effect.fn("Tokens.issue")(function* ({
        redeemed,
        clientId,
        resources
      }) {
        // The wire has whole seconds: what is kept says the same.
        const issuedAt = Math.floor((yield* Clock.currentTimeMillis) / 1000) * 1000
        const claims: AccessTokenClaims = {
          tokenId: yield* makeId("token"),
          userId: redeemed.userId,
          clientId,
          grantId: redeemed.grantId,
          scopes: redeemed.scopes,
          resources,
          issuedAt,
          expiresAt: issuedAt + Duration.toMillis(lifetime),
          signedInAt: redeemed.signedInAt
        }
        const token = yield* keys.sign(writeClaims(claims, publicUrl))
        const kept = yield* query(sql`
          INSERT INTO oauth_tokens (id, grant_id, scopes, resources, issued_at, expires_at)
          SELECT ${claims.tokenId}, g.id, ${claims.scopes}::text[], ${claims.resources}::text[],
            ${new Date(claims.issuedAt)}::timestamptz, ${new Date(claims.expiresAt)}::timestamptz
          FROM oauth_grants g JOIN users u ON u.id = g.user_id JOIN oauth_clients c ON c.id = g.client_id
          WHERE g.id = ${claims.grantId} AND u.deleted_at IS NULL AND c.deleted_at IS NULL
          RETURNING id`)
        return kept.length === 0 ? undefined : { token, claims, lifetime }
      })

      return Tokens.of({ issue })
    })
  )
}

/** 31 536 000 seconds. */
const lifetime = Duration.days(365)
