import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import type { AccessTokenClaims } from "../auth/AccessTokenClaims.ts"
import { AccessTokens } from "../auth/AccessTokens.ts"
import type { InternalError } from "../domain/Errors.ts"
import { query } from "../storage/Query.ts"
import { ClientAuthentication, type ClientCredentials } from "./ClientAuthentication.ts"
import { type OAuthError, oauthError } from "./OAuthError.ts"
import { presentedToken } from "./PresentedToken.ts"

/** What a token is good for, for services that cannot verify one (RFC 7662): whoever could, could also make one. */
export class Introspection extends Context.Service<
  Introspection,
  {
    /** Undefined of whatever is no living token: why is nobody's business. */
    readonly introspect: (
      credentials: ClientCredentials
    ) => Effect.Effect<AccessTokenClaims | undefined, OAuthError | InternalError>
  }
>()("xrouter/oauth/Introspection") {
  static readonly layer = Layer.effect(
    Introspection,
    Effect.gen(function* () {
      const sql = yield* SqlClient
      const authentication = yield* ClientAuthentication
      const accessTokens = yield* AccessTokens

      const introspect = Effect.fn("Introspection.introspect")(function* (credentials: ClientCredentials) {
        const { client } = yield* authentication.authenticate(credentials)
        // One that shows nothing but its name could be anybody who tries tokens out (RFC 7662, section 4).
        if (!client.isConfidential) return yield* oauthError("invalid_client", "Client authentication is required")
        const claims = yield* presentedToken(accessTokens, credentials.parameters)
        if (claims === undefined) return undefined
        const living = yield* query(sql`
          SELECT 1 FROM oauth_tokens t
          JOIN oauth_grants g ON g.id = t.grant_id
          JOIN users u ON u.id = g.user_id
          JOIN oauth_clients c ON c.id = g.client_id
          WHERE t.id = ${claims.tokenId} AND t.revoked_at IS NULL AND g.revoked_at IS NULL AND u.deleted_at IS NULL
            AND c.deleted_at IS NULL`)
        return living.length === 0 ? undefined : claims
      })

      return Introspection.of({ introspect })
    })
  )
}
