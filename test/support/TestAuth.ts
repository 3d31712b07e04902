import { Effect, Layer } from "effect"
import type { SqlClient } from "effect/sql/SqlClient"
import { ApiKeys } from "../../src/auth/ApiKeys.ts"
import { Authenticator } from "../../src/auth/Authenticator.ts"
import { KeyCache } from "../../src/auth/KeyCache.ts"
import { LastUse } from "../../src/auth/LastUse.ts"
import { Passwords } from "../../src/auth/Passwords.ts"
import { Users } from "../../src/auth/Users.ts"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { migratedEngines } from "./TestDatabase.ts"
import { layerTestSettings } from "./TestSettings.ts"

/** Users, keys and who checks them, over a database that has the gateway's tables. */
export const layerAuth = <A, E, R>(database: Layer.Layer<A | SqlClient, E, R>, settings: Partial<SettingsValue> = {}) =>
  Layer.mergeAll(Users.layerNoDeps, ApiKeys.layerNoDeps, Authenticator.layerNoDeps).pipe(
    Layer.provideMerge([KeyCache.layer, LastUse.layer, Passwords.layer]),
    Layer.provideMerge(database),
    Layer.provide(layerTestSettings(settings))
  )

/** The same over each engine, with its name. */
export const authEngines = migratedEngines.map(([name, database]) => [name, layerAuth(database)] as const)

/** A user nobody else has. */
export const someUser = Effect.gen(function* () {
  const users = yield* Users
  return yield* users.create({ email: `${crypto.randomUUID()}@example.org` })
})
