import { Clock, Context, Duration, Effect, FiberSet, Layer } from "effect"
import { Settings } from "../config/Settings.ts"
import { AuthError, type InternalError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import { type AccessTokenClaims, readClaims } from "./AccessTokenClaims.ts"
import { AccessTokenKeys } from "./AccessTokenKeys.ts"
import { AccessTokenMemory, type KnownToken } from "./AccessTokenMemory.ts"
import { AccessTokenStandings, type Standing } from "./AccessTokenStandings.ts"
import { hashKey } from "./ApiKey.ts"
import { Revocations } from "./Revocations.ts"

/**
 * OAuth access tokens as credentials. What is forged or expired is refused without asking anybody. Of the others the standing is
 * looked up and remembered for `Settings.keyCacheTtl`, as that of keys is, and forgotten at once when they are revoked: a token in
 * use costs a hash and a look-up in memory, it is asked for again in the background when half of its time is over, and an outage of
 * the database shorter than the other half goes unnoticed.
 */
export class AccessTokens extends Context.Service<
  AccessTokens,
  {
    /** Who calls with this token. All tokens of a user count together against the user's limits. */
    readonly authenticate: (token: string) => Effect.Effect<Principal, AuthError | InternalError>
    /** What a token says that is ours and of today, even one that was revoked; undefined of every other text. */
    readonly read: (token: string) => Effect.Effect<AccessTokenClaims | undefined>
  }
>()("xrouter/auth/AccessTokens") {
  static readonly layerNoDeps = Layer.effect(
    AccessTokens,
    Effect.gen(function* () {
      const { keyCacheTtl, publicUrl } = yield* Settings
      const keys = yield* AccessTokenKeys
      const standings = yield* AccessTokenStandings
      const clock = yield* Clock.Clock
      const run = yield* FiberSet.makeRuntime()
      const ttl = Duration.toMillis(keyCacheTtl)
      // What the database said holds for a time, which a time of day that is set back would make longer.
      const monotonic = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const memory = new AccessTokenMemory()

      const verify = Effect.fnUntraced(function* (token: string) {
        const json = yield* keys.open(token)
        if (json === undefined) return yield* invalid
        const claims = readClaims(json, publicUrl, clock.currentTimeMillisUnsafe())
        if (claims === "expired") return yield* expired
        return typeof claims === "string" ? yield* invalid : claims
      })

      const lookUp = (known: KnownToken): Effect.Effect<Effect.Effect<Principal, AuthError>, InternalError> =>
        Effect.suspend(() => {
          const askedAt = monotonic()
          return Effect.map(standings.find(known.claims.tokenId), (standing) => {
            const answer =
              standing === undefined ? Effect.fail(revoked) : Effect.succeed(principalOf(known.claims, standing))
            known.answer = answer
            known.expiresAt = askedAt + ttl
            known.renewAt = askedAt + ttl / 2
            return answer
          })
        })

      const decide = (known: KnownToken): Effect.Effect<Principal, AuthError | InternalError> => {
        if (known.claims.expiresAt <= clock.currentTimeMillisUnsafe()) return Effect.fail(expired)
        const now = monotonic()
        if (known.answer === undefined || known.expiresAt <= now) return Effect.flatten(lookUp(known))
        if (known.renewAt <= now) {
          // The next one in a while, should this one fail.
          known.renewAt = now + renewalPause
          run(Effect.ignore(lookUp(known)))
        }
        return known.answer
      }

      // What is looked up while this happens belongs to an entry that nobody finds any more.
      yield* (yield* Revocations).listen((revoked) =>
        Effect.sync(() => (revoked === "all" ? memory.clear() : memory.forget(revoked)))
      )

      return AccessTokens.of({
        authenticate: (token) => {
          const hash = hashKey(token)
          const known = memory.recall(hash)
          return known === undefined
            ? Effect.flatMap(verify(token), (claims) => decide(memory.remember(hash, claims)))
            : decide(known)
        },
        read: (token) => Effect.orElseSucceed(verify(token), () => undefined)
      })
    })
  )

  static readonly layer = AccessTokens.layerNoDeps.pipe(
    Layer.provide([AccessTokenKeys.layer, AccessTokenStandings.layer, Revocations.layer])
  )
}

const renewalPause = 1_000

const principalOf = (claims: AccessTokenClaims, { clientName, tier }: Standing): Principal => ({
  userId: claims.userId,
  credentialId: claims.tokenId,
  kind: "token",
  label: clientName,
  tier,
  limitSubject: claims.userId,
  limits: {},
  scopes: claims.scopes,
  expiresAt: claims.expiresAt
})

const invalid = new AuthError({ reason: "invalid_token", message: "This access token is not valid" })
const expired = new AuthError({ reason: "token_expired", message: "This access token has expired" })
const revoked = new AuthError({ reason: "token_revoked", message: "This access token was revoked" })
