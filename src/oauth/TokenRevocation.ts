import { Context, Effect, Layer } from "effect"
import { AccessTokens } from "../auth/AccessTokens.ts"
import type { InternalError } from "../domain/Errors.ts"
import { ClientAuthentication, type ClientCredentials } from "./ClientAuthentication.ts"
import { Grants } from "./Grants.ts"
import type { OAuthError } from "./OAuthError.ts"
import { presentedToken } from "./PresentedToken.ts"

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
        const claims = yield* presentedToken(accessTokens, credentials.parameters)
        if (claims === undefined) return
        yield* grants.revokeToken({ id: claims.tokenId, clientId: client.id })
      })

      return TokenRevocation.of({ revoke })
    })
  )
}
