import type { PGlite } from "@electric-sql/pglite"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, FileSystem, Layer, type Redacted } from "effect"
import { Settings } from "../config/Settings.ts"
import { DataFolderError, holdLock, makeDataFolder, orFolderError } from "./DataFolder.ts"
import { PGliteStream } from "./PGliteStream.ts"

/**
 * PostgreSQL: the server of `DATABASE_URL`, or PGlite in the data folder, behind the same `SqlClient`. A server that is away does
 * not fail the layer: connections are opened when they are needed.
 */
export const layer = Layer.unwrap(
  Effect.map(Settings, ({ databaseUrl, dataDir }) =>
    databaseUrl === undefined ? layerEmbedded(dataDir) : layerServer(databaseUrl)
  )
)

/** A pool of connections to a server. */
export const layerServer = (url: Redacted.Redacted) =>
  PgClient.layer({
    url,
    maxConnections: 10,
    idleTimeout: "1 minute",
    connectTimeout: "2 seconds",
    keepAlive: "30 seconds",
    applicationName: "xrouter",
    // Milliseconds. Nothing that a request asks for may hold its connection longer; migrations lift it for themselves.
    startupParameters: { statement_timeout: "2000", idle_in_transaction_session_timeout: "10000" }
  })

/** PGlite in a folder that this process has to itself. */
export const layerEmbedded = (dataDir: string) => PgClient.layerFrom(Effect.flatMap(openPGlite(dataDir), makeClient))

/** PGlite has one session, so there is one connection, and it is kept. */
export const makeClient = (db: PGlite) =>
  PgClient.make({
    stream: () => new PGliteStream(db),
    username: "postgres",
    database: "postgres",
    minConnections: 1,
    maxConnections: 1
  })

const openPGlite = Effect.fn("Database.openPGlite")(function* (dataDir: string) {
  const fs = yield* FileSystem.FileSystem
  const folder = `${dataDir}/database`
  const unfinished = `${dataDir}/database.unfinished`
  yield* makeDataFolder(dataDir)
  yield* holdLock(`${dataDir}/database.lock`)

  // A process that was killed while it created the database left a part of one, with nothing of anybody's in it.
  if (yield* fs.exists(unfinished).pipe(orFolderError(unfinished, "read"))) {
    yield* Effect.logWarning("An earlier start ended while it created the embedded database; creating it anew")
    yield* fs.remove(folder, { recursive: true, force: true }).pipe(orFolderError(folder, "remove"))
  }
  const isNew = !(yield* fs.exists(folder).pipe(orFolderError(folder, "read")))
  if (isNew) {
    yield* Effect.logInfo(`Creating the embedded database in ${folder}, once; this takes a few seconds`)
    yield* fs.writeFileString(unfinished, "").pipe(orFolderError(unfinished, "write"))
  }
  const db = yield* Effect.acquireRelease(
    Effect.tryPromise({
      // Embedded mode alone pays for loading it.
      try: () => import("@electric-sql/pglite").then(({ PGlite }) => PGlite.create(folder)),
      catch: (cause) =>
        new DataFolderError({ path: folder, cause, message: `Cannot open the embedded database in ${folder}` })
    }),
    (db) => Effect.promise(() => db.close())
  )
  if (isNew) yield* fs.remove(unfinished, { force: true }).pipe(orFolderError(unfinished, "remove"))
  return db
})
