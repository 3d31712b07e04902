import type { Effect } from "effect"
import type { AuthError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import type { AccessTokenClaims } from "./AccessTokenClaims.ts"
import { RecentMap } from "./RecentMap.ts"
import type { Revoked } from "./Revoked.ts"

/** A token whose signature and claims were found good. */
export interface KnownToken {
  readonly claims: AccessTokenClaims
  /** Its principal or its refusal, ready to be answered, as the database had it. */
  answer: Effect.Effect<Principal, AuthError> | undefined
  /** Until when that holds, and from when on it is asked for again: milliseconds of the monotonic clock. */
  expiresAt: number
  renewAt: number
}

const mostTokens = 10_000

/** Tokens that were seen, by their hash. */
export class AccessTokenMemory {
  readonly #known = new RecentMap<KnownToken>(mostTokens)

  recall(hash: string): KnownToken | undefined {
    return this.#known.get(hash)
  }

  remember(hash: string, claims: AccessTokenClaims): KnownToken {
    const token: KnownToken = { claims, answer: undefined, expiresAt: -Infinity, renewAt: -Infinity }
    this.#known.set(hash, token)
    return token
  }

  /** Looks at everything that is remembered: revocations are rare, and requests are not. */
  forget(revoked: ReadonlyArray<Revoked>) {
    const ids = new Set(revoked.flatMap(({ id, kind }) => (kind === "key" ? [] : [id])))
    if (ids.size === 0) return
    for (const [hash, { claims }] of this.#known) {
      const { clientId, grantId, tokenId, userId } = claims
      if (ids.has(tokenId) || ids.has(grantId) || ids.has(userId) || ids.has(clientId)) this.#known.delete(hash)
    }
  }

  clear() {
    this.#known.clear()
  }
}
