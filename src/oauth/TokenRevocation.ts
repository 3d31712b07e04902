import { Context, Effect, Layer } from "effect"
import { AccessTokens } from "../auth/AccessTokens.ts"
import type { InternalError } from "../domain/Errors.ts"
import { ClientAuthentication, type ClientCredentials } from "./ClientAuthentication.ts"
import { Grants } from "./Grants.ts"
import { type OAuthError, oauthError } from "./OAuthError.ts"

/** A client gives a token of its own back (RFC 7009). */
export class TokenRevocation extends Context.Service<
  TokenRevocation,
  {
    /** Succeeds whatever the token is: unknown, expired, revoked before, or another client's, which stays as it is. */
    readonly revoke: (credentials: ClientCredentials) => Effect.Effect<void, OAuthError | InternalError>
  }
>()("xrouter/oauth/TokenRevocation") {
  static readonly layer = Layer.effect(
    TokenRevocation,
    Effect.gen(function* () {
      const authentication = yield* ClientAuthentication
      const accessTokens = yield* AccessTokens
      const grants = yield* Grants

      const revoke = Effect.fn("TokenRevocation.revoke")(function* (credentials: ClientCredentials) {
        const { client } = yield* authentication.authenticate(credentials)
        const { parameters } = credentials
        if (parameters.repeated.length > 0) {
          return yield* oauthError("invalid_request", "A parameter was sent more than once")
        }
        const token = parameters.get("token")
        if (token === undefined) return yield* oauthError("invalid_request", "token is missing")
        // There is one type of token. A hint is a hint, and an unknown one is passed over (RFC 7009, section 2.1).
        const claims = yield* accessTokens.read(token)
        if (claims === undefined) return
        yield* grants.revokeToken({ id: claims.tokenId, clientId: client.id })
      })

      return TokenRevocation.of({ revoke })
    })
  )
}
