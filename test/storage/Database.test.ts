import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { spawn } from "node:child_process"
import { join } from "node:path"
import * as Database from "../../src/storage/Database.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

/** One run of the process on the data folder. */
const on = (dataDir: string) => {
  const database = Database.layer.pipe(Layer.provide(layerTestSettings({ dataDir })), Layer.fresh)
  return <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.provide(work, database)
}

const count = Effect.gen(function* () {
  const sql = yield* SqlClient
  const [row] = yield* sql<{ count: number }>`SELECT count(*)::int AS count FROM kept`
  return row?.count
})

/** Has another process write, kills it, and answers how many rows there are by what it told. */
const killWhileWriting = (dataDir: string) =>
  Effect.callback<number>((resume) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "endlessWriter.ts"), dataDir])
    let rows = 1
    child.stdout.on("data", (chunk: Buffer) => {
      rows += chunk.toString().match(/^row \d+$/gm)?.length ?? 0
      if (rows > 100) child.kill("SIGKILL")
    })
    child.once("exit", () => resume(Effect.succeed(rows)))
  })

layer(NodeFileSystem.layer, { timeout: "60 seconds", excludeTestServices: true })("the embedded database", (it) => {
  it.effect(
    "is created once, keeps what was written, has one process at a time, and recovers from kills while it is created or written",
    () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const dataDir = `${yield* fs.makeTempDirectoryScoped()}/data`
        // What a start that was killed within the creation leaves.
        yield* fs.makeDirectory(`${dataDir}/database`, { recursive: true })
        yield* fs.writeFileString(`${dataDir}/database/PG_VERSION`, "18\n")
        yield* fs.writeFileString(`${dataDir}/database.unfinished`, "")

        yield* on(dataDir)(
          Effect.gen(function* () {
            const sql = yield* SqlClient
            yield* sql`CREATE TABLE kept (x int)`
            yield* sql`INSERT INTO kept VALUES (1)`
            const second = yield* Effect.flip(on(dataDir)(count))
            assert.include(String(second), `in use by process ${process.pid}`)
            assert.deepStrictEqual((yield* fs.readDirectory(dataDir)).sort(), ["database", "database.lock"])
          })
        )
        assert.strictEqual(yield* on(dataDir)(count), 1)
        assert.deepStrictEqual(yield* fs.readDirectory(dataDir), ["database"])

        const told = yield* killWhileWriting(dataDir)
        assert.isAbove(told, 100)
        assert.include(yield* fs.readDirectory(dataDir), "database.lock")
        assert.isAtLeast((yield* on(dataDir)(count)) ?? 0, told)
      }),
    60_000
  )
})
