import { Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { AccessTokenKeys } from "../../src/auth/AccessTokenKeys.ts"
import { AccessTokens } from "../../src/auth/AccessTokens.ts"
import { AccessTokenStandings } from "../../src/auth/AccessTokenStandings.ts"
import { ApiKeys } from "../../src/auth/ApiKeys.ts"
import { Authenticator } from "../../src/auth/Authenticator.ts"
import { KeyCache } from "../../src/auth/KeyCache.ts"
import { LastUse } from "../../src/auth/LastUse.ts"
import { PasswordCost, Passwords } from "../../src/auth/Passwords.ts"
import { type Listener, Revocations } from "../../src/auth/Revocations.ts"
import { Users } from "../../src/auth/Users.ts"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { Secrets } from "../../src/storage/Secrets.ts"
import { migratedEngines } from "./TestDatabase.ts"
import { layerTestSettings } from "./TestSettings.ts"

/** Revocations within the process, without a log: for tests that count statements and turn the clock. */
export const layerLocalRevocations = Layer.sync(Revocations, () => {
  const listeners = new Set<Listener>()
  return {
    announce: (revoked) =>
      Effect.forEach([...listeners], (listener) => Effect.orDie(listener(revoked)), { discard: true }),
    listen: (listener) => Effect.sync(() => void listeners.add(listener))
  }
})

/** Hundreds of passwords are hashed in the tests: each in less than a millisecond. */
export const layerCheapPasswords = Layer.succeed(PasswordCost, { ln: 4, r: 8, p: 1 })

/** Users, keys and who checks them, over a database that has the gateway's tables. */
export const layerAuth = <A, E, R>(database: Layer.Layer<A | SqlClient, E, R>, settings: Partial<SettingsValue> = {}) =>
  Layer.mergeAll(Users.layerNoDeps, ApiKeys.layerNoDeps, Authenticator.layerNoDeps).pipe(
    Layer.provideMerge([KeyCache.layerNoDeps, LastUse.layer, Passwords.layer, AccessTokens.layerNoDeps]),
    Layer.provide([AccessTokenKeys.layer, AccessTokenStandings.layer]),
    Layer.provide(Layer.succeed(Secrets, { adminKey: undefined, jwtSecrets: [] })),
    Layer.provideMerge(layerLocalRevocations),
    Layer.provideMerge(database),
    Layer.provide([layerTestSettings(settings), layerCheapPasswords])
  )

/** The same over each engine, with its name. */
export const authEngines = migratedEngines.map(([name, database]) => [name, layerAuth(database)] as const)

/** A user nobody else has. */
export const someUser = Effect.gen(function* () {
  const users = yield* Users
  return yield* users.create({ email: `${crypto.randomUUID()}@example.org` })
})
