import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it as test, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Logger, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { layerServer } from "../../src/storage/Database.ts"
import { migrate, MigrationError, Migrations, splitStatements } from "../../src/storage/Migrations.ts"
import { eventually } from "../support/Eventually.ts"
import { startPostgres } from "../support/Postgres.ts"
import { engines } from "../support/TestDatabase.ts"

const folderOf = Effect.fnUntraced(function* (files: Record<string, string>) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped()
  for (const [name, text] of Object.entries(files)) yield* fs.writeFileString(`${folder}/${name}`, text)
  return folder
})

const tables = Effect.gen(function* () {
  const sql = yield* SqlClient
  const rows = yield* sql<{ name: string }>`
    SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name`
  return rows.map(({ name }) => name)
})

const empty = Effect.gen(function* () {
  const sql = yield* SqlClient
  yield* sql`DROP SCHEMA public CASCADE`
  yield* sql`CREATE SCHEMA public`
})

for (const [engine, database] of engines) {
  layer(Layer.merge(Layer.orDie(database), NodeFileSystem.layer))(`Migrations on ${engine}`, (it) => {
    it.effect("takes the steps in order, each once", () =>
      Effect.gen(function* () {
        yield* empty
        const folder = yield* folderOf({
          "0002_b.sql": "ALTER TABLE a ADD COLUMN y int; CREATE TABLE b ();",
          "0001_a.sql": "CREATE TABLE a (x int); -- a comment; with a semicolon\nINSERT INTO a VALUES (1);",
          "README.md": "no step"
        })
        assert.deepStrictEqual(yield* migrate(folder), ["0001_a", "0002_b"])
        assert.deepStrictEqual(yield* migrate(folder), [])
        assert.deepStrictEqual(yield* tables, ["a", "b", "schema_migrations"])
      })
    )

    it.effect("lets one of many work and the others wait, with the same end", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const folder = yield* folderOf({
          "0001_a.sql": "CREATE TABLE a (x int); SELECT pg_sleep(0.01); INSERT INTO a VALUES (1);",
          "0002_b.sql": "CREATE TABLE b (); INSERT INTO a VALUES (2);"
        })
        for (let round = 0; round < 20; round++) {
          yield* empty
          const taken = yield* Effect.all([migrate(folder), migrate(folder), migrate(folder)], {
            concurrency: "unbounded"
          })
          assert.deepStrictEqual(taken.flat().sort(), ["0001_a", "0002_b"])
          assert.deepStrictEqual(yield* sql`SELECT x FROM a ORDER BY x`, [{ x: 1 }, { x: 2 }])
        }
      })
    )

    it.effect("leaves nothing of a step that fails, and takes it when it is mended", () =>
      Effect.gen(function* () {
        yield* empty
        const broken = { "0001_a.sql": "CREATE TABLE a ();", "0002_b.sql": "CREATE TABLE b ();\nCREATE TABLE a ();" }
        const error = yield* Effect.flip(migrate(yield* folderOf(broken)))
        assert.instanceOf(error, MigrationError)
        assert.include(error.message, "0002_b failed at: CREATE TABLE a")
        assert.deepStrictEqual(yield* tables, ["a", "schema_migrations"])
        const mended = { ...broken, "0002_b.sql": "CREATE TABLE b ();" }
        assert.deepStrictEqual(yield* migrate(yield* folderOf(mended)), ["0002_b"])
        assert.deepStrictEqual(yield* tables, ["a", "b", "schema_migrations"])
      })
    )

    it.effect("leaves alone what a newer version has taken", () =>
      Effect.gen(function* () {
        yield* empty
        const older = { "0001_a.sql": "CREATE TABLE a ();" }
        yield* migrate(yield* folderOf({ ...older, "0002_b.sql": "CREATE TABLE b ();" }))
        assert.deepStrictEqual(yield* migrate(yield* folderOf(older)), [])
        assert.deepStrictEqual(yield* tables, ["a", "b", "schema_migrations"])
      })
    )

    it.effect("refuses another step under a number that was taken", () =>
      Effect.gen(function* () {
        yield* empty
        yield* migrate(yield* folderOf({ "0001_a.sql": "CREATE TABLE a ();" }))
        const error = yield* Effect.flip(migrate(yield* folderOf({ "0001_z.sql": "CREATE TABLE z ();" })))
        assert.include(error.message, "0001_a")
        assert.include(error.message, "0001_z")
      })
    )

    it.effect("refuses two steps of one number, and a folder without any", () =>
      Effect.gen(function* () {
        const twice = yield* Effect.flip(migrate(yield* folderOf({ "0001_a.sql": "", "0001_b.sql": "" })))
        assert.include(twice.message, "0001_b")
        assert.include((yield* Effect.flip(migrate(yield* folderOf({})))).message, "no migrations")
        assert.include((yield* Effect.flip(migrate("/nowhere"))).message, "Cannot read")
      })
    )

    it.effect("finds the gateway's own steps and is ready after them", () =>
      Effect.gen(function* () {
        yield* empty
        const migrations = yield* Effect.provide(Migrations, Layer.fresh(Migrations.layer))
        assert.isTrue(yield* migrations.ready)
        assert.includeMembers([...(yield* tables)], ["api_keys", "users"])
      })
    )
  })
}

describe("Migrations on a server", () => {
  test.live("starts while it is away, and is ready soon after it is back", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      yield* server.kill
      const context = yield* Layer.build(
        Migrations.layer.pipe(Layer.provide([layerServer(Redacted.make(server.url("postgres"))), NodeFileSystem.layer]))
      )
      const { ready } = yield* Effect.provide(Migrations, context)
      assert.isFalse(yield* ready)
      yield* server.restart
      const back = performance.now()
      yield* eventually(ready)
      assert.isBelow(performance.now() - back, 2500)
    })
  )

  test.live("stays out when it is back and refuses a step", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const database = layerServer(Redacted.make(server.url("postgres")))
      yield* Effect.provide(
        Effect.gen(function* () {
          const sql = yield* SqlClient
          yield* sql`CREATE TABLE users (taken boolean)`
        }),
        database
      )
      yield* server.kill
      const logged: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => logged.push(String(message)))])
      const context = yield* Layer.build(
        Migrations.layer.pipe(Layer.provide([database, NodeFileSystem.layer]), Layer.provide(logger))
      )
      const { ready } = yield* Effect.provide(Migrations, context)
      yield* server.restart
      yield* eventually(Effect.sync(() => logged.some((line) => line.includes("cannot be migrated"))))
      assert.isFalse(yield* ready)
    })
  )

  test.effect("a step cut short by a killed server is taken by the next start", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const database = layerServer(Redacted.make(server.url("postgres")))
      const folder = yield* folderOf({
        "0001_a.sql": "CREATE TABLE a (x int); INSERT INTO a VALUES (1); SELECT pg_sleep(5); INSERT INTO a VALUES (2);"
      })
      const watching = Effect.gen(function* () {
        const sql = yield* SqlClient
        yield* eventually(
          Effect.map(
            sql`SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(5)%' AND pid <> pg_backend_pid()`,
            (rows) => rows.length > 0
          )
        )
        yield* server.kill
      })
      const cut = yield* Effect.all([Effect.exit(migrate(folder)), Effect.ignore(watching)], { concurrency: 2 }).pipe(
        Effect.provide(database)
      )
      assert.strictEqual(cut[0]._tag, "Failure")
      yield* server.restart
      const mended = yield* folderOf({ "0001_a.sql": "CREATE TABLE a (x int); INSERT INTO a VALUES (2);" })
      assert.deepStrictEqual(yield* Effect.provide(migrate(mended), database), ["0001_a"])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("splitting a migration into statements", () => {
  const cases: ReadonlyArray<readonly [what: string, text: string, statements: ReadonlyArray<string>]> = [
    ["at semicolons, the last one or not", "A; B;\nC", ["A", "B", "C"]],
    ["not within a string", "SELECT 'a;''b;'; B", ["SELECT 'a;''b;'", "B"]],
    ["not within a quoted name", 'SELECT "a;b"; B', ['SELECT "a;b"', "B"]],
    ["not within a body in dollars", "DO $$ a; b; $$; DO $x$ $$; $x$; C", ["DO $$ a; b; $$", "DO $x$ $$; $x$", "C"]],
    ["not within comments, which alone are no statement", "A -- x; y\n; /* b; */ ; -- end;", ["A -- x; y"]]
  ]
  for (const [what, text, statements] of cases) {
    test(what, () => assert.deepStrictEqual(splitStatements(text), statements))
  }
})
