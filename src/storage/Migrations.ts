import { Context, Effect, FileSystem, Layer, Ref, Schedule, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { SqlError } from "effect/sql/SqlError"
import { fileURLToPath } from "node:url"
import { isOutage } from "./Query.ts"

/** A step that cannot be taken, or a folder that cannot be read. `message` says which. */
export class MigrationError extends Schema.TaggedError<MigrationError>()("MigrationError", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

interface Step {
  readonly number: number
  readonly name: string
  readonly statements: ReadonlyArray<string>
}

/**
 * Brings the database's tables to what this version needs: the files `migrations/NNNN_name.sql`, in order, each once and in a
 * transaction of its own. Steps that a newer version took are left alone, so that old and new instances serve side by side.
 */
export class Migrations extends Context.Service<
  Migrations,
  {
    /** False while the tables are not there, because the database could not be reached, or refused a step then. */
    readonly ready: Effect.Effect<boolean>
  }
>()("xrouter/storage/Migrations") {
  /** Waits for the steps; where the database is away, starts without them and takes them as soon as it is back. */
  static readonly layer = Layer.effect(
    Migrations,
    Effect.gen(function* () {
      const ready = yield* Ref.make(false)
      const context = yield* Effect.context<SqlClient | FileSystem.FileSystem>()
      const attempt = Effect.flatMap(migrationsFolder, migrate).pipe(
        Effect.andThen(Ref.set(ready, true)),
        Effect.provide(context)
      )
      const later = attempt.pipe(
        Effect.retry({ while: isAway, schedule: Schedule.spaced("1 second") }),
        Effect.tapError((error) => Effect.logError("The database cannot be migrated; this instance stays out", error))
      )
      yield* Effect.catchIf(attempt, isAway, (error) =>
        Effect.logWarning("The database is away; starting without it, and trying again every second", error).pipe(
          Effect.andThen(Effect.forkScoped(later))
        )
      )
      return Migrations.of({ ready: Ref.get(ready) })
    })
  )
}

/**
 * Takes the steps of a folder that were not taken before, and answers their names. Of several instances that do so at once, one
 * works and the others wait. A step that is cut short leaves nothing behind: the next start takes it.
 */
export const migrate = Effect.fn("Migrations.migrate")(function* (folder: string) {
  const sql = yield* SqlClient
  const steps = yield* readSteps(folder)
  const taken: Array<string> = []
  for (const step of steps) {
    const isTaken = yield* sql.withTransaction(takeStep(sql, step))
    if (!isTaken) continue
    taken.push(step.name)
    yield* Effect.logInfo(`Migrated the database: ${step.name}`)
  }
  return taken
})

const isAway = (error: unknown): boolean => error instanceof SqlError && isOutage(error)

/** Any number that no one else locks; the same in every version. */
const lock = 5_843_201_776

const takeStep = Effect.fnUntraced(function* (sql: SqlClient, step: Step) {
  // Of the transaction, so that a pooler that hands connections around cannot separate the lock from the work.
  yield* sql`SET LOCAL statement_timeout = 0`
  yield* sql`SELECT pg_advisory_xact_lock(${sql.literal(String(lock))})`
  yield* sql`CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now()
  )`.pipe(Effect.when(missing(sql)))
  const [known] = yield* sql<{ name: string }>`SELECT name FROM schema_migrations WHERE number = ${step.number}::int`
  if (known !== undefined) {
    return known.name === step.name
      ? false
      : yield* new MigrationError({
          message: `The database has taken step ${known.name}, and this version has ${step.name} under the same number`
        })
  }
  for (const statement of step.statements) {
    yield* sql.unsafe(statement).unprepared.pipe(
      Effect.catchIf(
        (error) => !isOutage(error),
        (cause) =>
          Effect.fail(new MigrationError({ message: `Step ${step.name} failed at: ${firstLine(statement)}`, cause }))
      )
    )
  }
  yield* sql`INSERT INTO schema_migrations (number, name) VALUES (${step.number}::int, ${step.name})`
  return true
})

/** A plain `IF NOT EXISTS` logs a notice on the server at every start. */
const missing = (sql: SqlClient) =>
  Effect.map(sql`SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL`, (rows) => rows.length === 0)

const firstLine = (text: string): string => text.slice(0, 200).split("\n", 1)[0] ?? ""

const readSteps = Effect.fnUntraced(
  function* (folder: string) {
    const fs = yield* FileSystem.FileSystem
    const steps: Array<Step> = []
    for (const file of (yield* fs.readDirectory(folder)).sort()) {
      const match = /^(\d{4})_\w+\.sql$/.exec(file)
      if (match === null) continue
      const text = yield* fs.readFileString(`${folder}/${file}`)
      steps.push({ number: Number(match[1]), name: file.slice(0, -".sql".length), statements: splitStatements(text) })
    }
    const twice = steps.find((step, index) => step.number === steps[index - 1]?.number)
    if (twice !== undefined) {
      return yield* new MigrationError({ message: `Two migrations have the number of ${twice.name}` })
    }
    if (steps.length === 0) return yield* new MigrationError({ message: `There are no migrations in ${folder}` })
    return steps
  },
  Effect.catchTag("PlatformError", (cause) =>
    Effect.fail(new MigrationError({ message: "Cannot read the migrations", cause }))
  )
)

/** Statements end at a semicolon that is not within a string, a quoted name, a dollar-quoted body or a comment. */
export const splitStatements = (text: string): ReadonlyArray<string> => {
  const tokens = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|;/g
  const statements: Array<string> = []
  let start = 0
  let bare = ""
  let last = 0
  for (const token of text.matchAll(tokens)) {
    bare += text.slice(last, token.index)
    last = token.index + token[0].length
    const isComment = token[0].startsWith("--") || token[0].startsWith("/*")
    if (token[0] !== ";") {
      if (!isComment) bare += token[0]
      continue
    }
    if (bare.trim() !== "") statements.push(text.slice(start, token.index).trim())
    start = last
    bare = ""
  }
  if ((bare + text.slice(last)).trim() !== "") statements.push(text.slice(start).trim())
  return statements
}

/** The package's folder `migrations/`: above the bundle in `dist/`, or above `src/storage/`. */
const migrationsFolder = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const candidates = ["../migrations", "../../migrations"].map((path) => fileURLToPath(new URL(path, import.meta.url)))
  for (const candidate of candidates) {
    if (yield* Effect.orElseSucceed(fs.exists(candidate), () => false)) return candidate
  }
  return yield* new MigrationError({ message: `There are no migrations in ${candidates.join(" or ")}` })
})
