import { Clock, Context, Effect, Layer } from "effect"
import { AuthError, type InternalError, type ValidationError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import { AccessTokens } from "./AccessTokens.ts"
import { hashKey, keyStart, parseKey } from "./ApiKey.ts"
import { bearerToken } from "./Authorization.ts"
import { KeyCache } from "./KeyCache.ts"
import type { Finding } from "./KeyMemory.ts"
import { LastUse } from "./LastUse.ts"

/** Who calls. */
export class Authenticator extends Context.Service<
  Authenticator,
  {
    /**
     * Of the request's `Authorization` header and the client's address. A known key or access token costs a hash and a look-up in
     * memory. The two share the header and are told apart by their form alone: none is ever tried as the other.
     * Two credentials at once, or a header of another form, are `ValidationError` (RFC 6750, section 3.1, `invalid_request`).
     */
    readonly authenticate: (credentials: {
      readonly authorization: string | undefined
      readonly ip: string
    }) => Effect.Effect<Principal, AuthError | ValidationError | InternalError>
  }
>()("xrouter/auth/Authenticator") {
  static readonly layerNoDeps = Layer.effect(
    Authenticator,
    Effect.gen(function* () {
      const cache = yield* KeyCache
      const lastUse = yield* LastUse
      const tokens = yield* AccessTokens
      const clock = yield* Clock.Clock

      const decide = ({ key }: Finding, ip: string, now: number): Effect.Effect<Principal, AuthError> => {
        if (key === undefined) return refuse("invalid_api_key", "There is no such API key")
        if (key.revoked) return refuse("key_revoked", "This API key was revoked")
        const { expiresAt, credentialId } = key.principal
        if (expiresAt !== undefined && expiresAt <= now) return refuse("key_expired", "This API key has expired")
        if (!key.admits(ip)) return refuse("ip_not_allowed", "This API key may not be used from this address")
        lastUse.record(credentialId, now)
        return key.admitted
      }

      const authenticateKey = (text: string, ip: string): Effect.Effect<Principal, AuthError | InternalError> => {
        const hash = hashKey(text)
        const known = cache.peek(hash)
        if (known !== undefined) return decide(known, ip, clock.currentTimeMillisUnsafe())
        if (parseKey(text) === undefined) {
          return refuse(
            "invalid_api_key",
            "This is no API key, or one that was mistyped or cut: its checksum does not fit"
          )
        }
        return Effect.flatMap(cache.find(hash), (found) => decide(found, ip, clock.currentTimeMillisUnsafe()))
      }

      return Authenticator.of({
        authenticate: ({ authorization, ip }) => {
          const token = bearerToken(authorization)
          if (typeof token !== "string") return Effect.fail(token)
          if (token.startsWith(keyStart)) return authenticateKey(token, ip)
          return looksLikeJwt.test(token)
            ? tokens.authenticate(token)
            : refuse("invalid_api_key", `An API key begins with "${keyStart}"`)
        }
      })
    })
  )

  static readonly layer = Authenticator.layerNoDeps.pipe(
    Layer.provide([KeyCache.layer, LastUse.layer, AccessTokens.layer])
  )
}

const looksLikeJwt = /^[^.]+\.[^.]+\.[^.]*$/

const refuse = (reason: AuthError["reason"], message: string) => Effect.fail(new AuthError({ reason, message }))
