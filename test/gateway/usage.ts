import { Context, Effect, Layer, Redacted } from "effect"
import { Ledger } from "../../src/ledger/Ledger.ts"
import { layerServer } from "../../src/storage/Database.ts"
import { layerLedger, models, temporaryFolder } from "../ledger/calls.ts"
import { startGateway } from "../support/Gateway.ts"
import { freshDatabase } from "../support/TestDatabase.ts"

/** A gateway, and the ledger of another instance on the same database. */
export const startWithNeighbour = Effect.gen(function* () {
  const databaseUrl = Redacted.make(yield* Effect.orDie(freshDatabase))
  const gateway = yield* startGateway({ databaseUrl, models })
  const context = yield* Layer.build(layerLedger(layerServer(databaseUrl), yield* temporaryFolder)).pipe(Effect.orDie)
  const caller = Effect.gen(function* () {
    const { json: user } = yield* gateway.admin("POST", "/users", { email: `${crypto.randomUUID()}@example.org` })
    const { json: key } = yield* gateway.admin("POST", "/keys", { user_id: user.id, name: "test", tier: "enterprise" })
    return { userId: String(user.id), keyId: String(key.id), key: String(key.key) }
  })
  return { gateway, ledger: Context.get(context, Ledger), databaseUrl, caller }
})
