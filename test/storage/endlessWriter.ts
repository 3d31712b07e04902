import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { layerEmbedded } from "../../src/storage/Database.ts"

/** A process of its own that writes into the embedded database, telling each row that is committed, until it is killed. */
const [dataDir = ""] = process.argv.slice(2)

const write = Effect.gen(function* () {
  const sql = yield* SqlClient
  for (let row = 2; ; row++) {
    yield* sql`INSERT INTO kept VALUES (${row}::int)`
    process.stdout.write(`row ${row}\n`)
  }
})

Effect.runFork(Effect.provide(write, Layer.provide(layerEmbedded(dataDir), NodeFileSystem.layer)))
