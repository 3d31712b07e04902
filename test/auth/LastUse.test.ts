import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeys } from "../../src/auth/ApiKeys.ts"
import { LastUse } from "../../src/auth/LastUse.ts"
import { eventually } from "../support/Eventually.ts"
import { DatabaseSwitch, switched } from "../support/SwitchedDatabase.ts"
import { layerAuth, someUser } from "../support/TestAuth.ts"
import { migratedEngines } from "../support/TestDatabase.ts"

const someKey = Effect.gen(function* () {
  const keys = yield* ApiKeys
  return (yield* keys.create({ userId: (yield* someUser).id, name: "key" })).id
})

const lastUseOf = Effect.fnUntraced(function* (id: string) {
  return (yield* (yield* ApiKeys).get(id)).lastUsedAt
})

for (const [engine, database] of migratedEngines) {
  layer(layerAuth(switched(database)).pipe(Layer.orDie))(`LastUse on ${engine}`, (it) => {
    it.effect("makes one write of many uses, ten seconds after the first", () =>
      Effect.gen(function* () {
        const [lastUse, control, one, other] = [yield* LastUse, yield* DatabaseSwitch, yield* someKey, yield* someKey]
        control.statements = 0
        for (let turn = 1; turn <= 1000; turn++) {
          lastUse.record(one, turn)
          lastUse.record(other, turn * 2)
        }
        yield* TestClock.adjust("9 seconds")
        assert.strictEqual(control.statements, 0)
        yield* TestClock.adjust("1 second")
        yield* eventually(Effect.sync(() => control.statements === 1))
        yield* eventually(Effect.map(lastUseOf(one), (at) => at === 1000))
        assert.strictEqual(yield* lastUseOf(other), 2000)
      })
    )

    it.effect("never goes back in time, whichever instance writes last", () =>
      Effect.gen(function* () {
        const [lastUse, id] = [yield* LastUse, yield* someKey]
        lastUse.record(id, 2000)
        yield* lastUse.flush
        lastUse.record(id, 1000)
        yield* lastUse.flush
        assert.strictEqual(yield* lastUseOf(id), 2000)
      })
    )

    it.effect("keeps what it could not write, and writes it when the database is back", () =>
      Effect.gen(function* () {
        const [lastUse, control, one, other] = [yield* LastUse, yield* DatabaseSwitch, yield* someKey, yield* someKey]
        control.state = "away"
        lastUse.record(one, 1000)
        lastUse.record(other, 1000)
        yield* lastUse.flush
        lastUse.record(one, 3000)
        control.state = "there"
        yield* TestClock.adjust("10 seconds")
        yield* eventually(Effect.map(lastUseOf(one), (at) => at === 3000))
        assert.strictEqual(yield* lastUseOf(other), 1000)
      })
    )

    it.effect("writes the rest when the process ends", () =>
      Effect.gen(function* () {
        const [id, sql, scope] = [yield* someKey, yield* SqlClient, yield* Scope.make()]
        const context = yield* Layer.buildWithScope(
          Layer.fresh(LastUse.layer).pipe(Layer.provide(Layer.succeed(SqlClient, sql))),
          scope
        )
        const lastUse = yield* Effect.provide(LastUse, context)
        lastUse.record(id, 5000)
        yield* Scope.close(scope, Effect.runSyncExit(Effect.void))
        assert.strictEqual(yield* lastUseOf(id), 5000)
      })
    )

    it.effect("forgets the oldest when there are more than it can hold", () =>
      Effect.gen(function* () {
        const [lastUse, first, last] = [yield* LastUse, yield* someKey, yield* someKey]
        lastUse.record(first, 1000)
        for (let index = 0; index < 9_999; index++) lastUse.record(`key_${index}`, 1000)
        lastUse.record(last, 1000)
        yield* lastUse.flush
        assert.isUndefined(yield* lastUseOf(first))
        assert.strictEqual(yield* lastUseOf(last), 1000)
      })
    )
  })
}
