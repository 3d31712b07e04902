import { Context, Effect, Layer } from "effect"
import { generateKey, hashKey } from "../auth/ApiKey.ts"
import { makeId } from "../auth/Id.ts"
import { KeyCache } from "../auth/KeyCache.ts"
import type { KnownKey } from "../auth/KeyRow.ts"
import { makeNetworks } from "../auth/Networks.ts"
import type { LimitSet, Principal } from "../domain/Principal.ts"

/** What a key may do; everything, unless it says so. */
export interface KeyOptions {
  /** `enterprise` unless given, which has no limits of its own. */
  readonly tier?: string | undefined
  readonly limits?: LimitSet | undefined
  /** Public model names; all unless given. */
  readonly models?: ReadonlyArray<string> | undefined
  /** Networks (CIDR); all unless given. */
  readonly allowedIps?: ReadonlyArray<string> | undefined
  /** Unix milliseconds. */
  readonly expiresAt?: number | undefined
}

/** A key, which is worth nothing outside of its test, and its owner. */
export interface MadeKey {
  readonly key: string
  readonly id: string
  readonly userId: string
  readonly revoke: Effect.Effect<void>
}

/** API keys in memory, each of a user of its own: what the gateway knows of keys without a database. */
export class MemoryKeys extends Context.Service<
  MemoryKeys,
  { readonly make: (options?: KeyOptions) => Effect.Effect<MadeKey> }
>()("xrouter/testing/MemoryKeys") {
  /** The keys, and what the gateway's own `Authenticator` looks them up in. */
  static readonly layer: Layer.Layer<MemoryKeys | KeyCache> = Layer.effectContext(
    Effect.sync(() => {
      const keys = new Map<string, KnownKey>()
      const known = (hash: string) => {
        const key = keys.get(hash)
        return key === undefined ? undefined : { key }
      }
      const make = Effect.fn("MemoryKeys.make")(function* (options: KeyOptions = {}) {
        const { tier = "enterprise" } = options
        const key = generateKey(tier)
        const id = yield* makeId("key")
        const userId = yield* makeId("user")
        const found = knownKey(id, userId, tier, options)
        keys.set(hashKey(key), found)
        const revoke = Effect.sync(() => {
          keys.set(hashKey(key), { ...found, revoked: true })
        })
        return { key, id, userId, revoke }
      })
      return Context.make(MemoryKeys, { make }).pipe(
        Context.add(KeyCache, {
          peek: known,
          find: (hash) => Effect.succeed(known(hash) ?? { key: undefined }),
          invalidate: () => Effect.void,
          admitsAny: () => keys.size > 0
        })
      )
    })
  )
}

const knownKey = (
  id: string,
  userId: string,
  tier: string,
  { allowedIps, expiresAt, limits = {}, models }: KeyOptions
): KnownKey => {
  const principal: Principal = {
    userId,
    credentialId: id,
    kind: "key",
    label: "test",
    tier,
    limitSubject: id,
    limits,
    scopes: ["inference"],
    models,
    allowedIps,
    expiresAt
  }
  return {
    principal,
    revoked: false,
    admits: allowedIps === undefined ? () => true : makeNetworks(allowedIps),
    admitted: Effect.succeed(principal)
  }
}
