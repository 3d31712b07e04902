import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer, References, Scope } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { Worker } from "../../src/config/Worker.ts"
import { Journal, makeJournal } from "../../src/ledger/Journal.ts"
import { Leftovers } from "../../src/ledger/Leftovers.ts"
import { Ledger } from "../../src/ledger/Ledger.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { eventually } from "../support/Eventually.ts"
import { layerPGlite, migrated } from "../support/TestDatabase.ts"
import { layerTestSettings } from "../support/TestSettings.ts"
import { begun, ended, layerLedger, rowsOf, temporaryFolder } from "./calls.ts"

const database = Effect.map(Effect.context<SqlClient>(), Layer.succeedContext)

/** A data folder as a worker that was killed has left it: one call had ended, and one ran. */
const left = Effect.fnUntraced(function* (worker: number) {
  const [before, after] = [yield* temporaryFolder, yield* temporaryFolder]
  const [finished, running] = [begun(), begun()]
  const home = worker === 1 ? "" : `/workers/${worker}`
  const scope = Scope.makeUnsafe()
  const services = yield* Layer.buildWithScope(layerLedger(yield* database, before), scope).pipe(
    Effect.provideService(Worker, worker)
  )
  yield* Effect.gen(function* () {
    const ledger = yield* Ledger
    const entry = ledger.begin(finished)
    yield* entry.recorded
    yield* ledger.begin(running).recorded
    entry.end(ended())
    yield* (yield* Journal).written
    mkdirSync(`${after}${home}`, { recursive: true })
    cpSync(`${before}${home}/usage`, `${after}${home}/usage`, { recursive: true })
  }).pipe(Effect.provide(services))
  yield* Scope.close(scope, Exit.void)
  // What it could still do at its orderly end has not happened.
  yield* Effect.flatMap(SqlClient, (sql) => sql`DELETE FROM usage`)
  return { dataDir: after, ids: [finished.requestId, running.requestId] }
})

/** The next start, with so many workers, as seen by one of them. */
const next = (dataDir: string, workers: number, worker?: number) =>
  Effect.flatMap(database, (sql) =>
    Layer.build(
      Leftovers.pipe(
        Layer.provideMerge([Journal.layer, Metrics.layer]),
        Layer.provideMerge(sql),
        Layer.provide([layerTestSettings({ dataDir, workers }), NodeFileSystem.layer])
      )
    ).pipe(Effect.provideService(Worker, worker))
  )

const statesOf = (ids: ReadonlyArray<string>) =>
  Effect.map(rowsOf(ids), (rows) => rows.map(({ status }) => status).toSorted())

layer(migrated(layerPGlite), { excludeTestServices: true })("what a worker has left", (it) => {
  for (const [what, workers, worker] of [
    ["the gateway is one process again", 1, undefined],
    ["there are fewer workers", 2, 1]
  ] as const) {
    it.effect(`is delivered once where ${what}, and its folder is gone`, () =>
      Effect.gen(function* () {
        const { dataDir, ids } = yield* left(3)
        yield* next(dataDir, workers, worker)
        yield* eventually(Effect.map(statesOf(ids), (states) => states.join() === "completed,interrupted"))
        yield* eventually(Effect.sync(() => readdirSync(`${dataDir}/workers`).length === 0))
      }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
    )
  }

  it.effect("is its own again where it is started again, and nobody else's", () =>
    Effect.gen(function* () {
      const { dataDir, ids } = yield* left(2)
      yield* next(dataDir, 2, 1)
      yield* next(dataDir, 1, 3)
      assert.deepStrictEqual(yield* statesOf(ids), [])
      const ledger = layerLedger(yield* database, dataDir)
      yield* Effect.flatMap(Ledger, ({ flush }) => flush).pipe(Effect.provide(ledger), Effect.provideService(Worker, 2))
      assert.deepStrictEqual(yield* statesOf(ids), ["completed", "interrupted"])
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.effect("of the first one is that of a process that is alone", () =>
    Effect.gen(function* () {
      const { dataDir, ids } = yield* left(1)
      yield* Effect.flatMap(Ledger, ({ flush }) => flush).pipe(Effect.provide(layerLedger(yield* database, dataDir)))
      assert.deepStrictEqual(yield* statesOf(ids), ["completed", "interrupted"])
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.effect("stays where the database has refused some of it, and while another process still has it", () =>
    Effect.gen(function* () {
      const { dataDir, ids } = yield* left(3)
      writeFileSync(`${dataDir}/workers/3/usage/refused.jsonl`, "{}\n")
      mkdirSync(`${dataDir}/workers/4`)
      yield* makeJournal(`${dataDir}/workers/4`).pipe(Effect.provide(NodeFileSystem.layer))
      yield* next(dataDir, 1)
      yield* eventually(Effect.map(statesOf(ids), (states) => states.length === 2))
      assert.isTrue(existsSync(`${dataDir}/workers/3/usage/refused.jsonl`))
      assert.isTrue(existsSync(`${dataDir}/workers/4/usage.lock`))
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
