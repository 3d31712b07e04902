import { Data, Effect, FileSystem, Schema, type Scope } from "effect"
import type { PlatformError } from "effect/PlatformError"
import { randomBytes } from "node:crypto"
import { dirname, resolve } from "node:path"

/** The data folder cannot be used. `message` says what to do about it. */
export class DataFolderError extends Schema.TaggedError<DataFolderError>()("DataFolderError", {
  message: Schema.String,
  path: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}

/** Turns a failure to read or write into one that names the file; its cause is what the system said. */
export const orFolderError =
  (path: string, doing: string) =>
  <A, R>(effect: Effect.Effect<A, unknown, R>): Effect.Effect<A, DataFolderError, R> =>
    Effect.mapError(effect, (cause) => new DataFolderError({ path, cause, message: `Cannot ${doing} ${path}` }))

/** Makes sure of the folder. It holds secrets: nobody but its owner may look into one that we make. */
export const makeDataFolder = Effect.fn("DataFolder.make")(function* (path: string) {
  yield* makeFolder(resolve(path)).pipe(orFolderError(path, "make the data folder"))
})

/** One folder at a time: Node's recursive mkdir never ends below a folder that is there and takes no other, as /proc. */
const makeFolder = (path: string, isParentThere = false): Effect.Effect<void, PlatformError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory(path, { mode: 0o700 }).pipe(
      Effect.catch((error) =>
        Effect.gen(function* () {
          const isThere = yield* fs.stat(path).pipe(
            Effect.map(({ type }) => type === "Directory"),
            Effect.orElseSucceed(() => false)
          )
          if (isThere) return
          if (error.reason._tag !== "NotFound" || isParentThere) return yield* error
          // Another process may have made it meanwhile.
          if (!(yield* fs.exists(dirname(path)))) yield* makeFolder(dirname(path))
          yield* makeFolder(path, true)
        })
      )
    )
  })

/**
 * Writes a file that others see whole or not at all, readable by its owner only. False where the file is there already:
 * of several that write at once, one succeeds.
 */
export const createFile = Effect.fn("DataFolder.createFile")(function* (path: string, content: string) {
  const fs = yield* FileSystem.FileSystem
  const draft = `${path}.${randomBytes(6).toString("hex")}`
  return yield* Effect.gen(function* () {
    yield* fs.writeFileString(draft, content, { flag: "wx", mode: 0o600 })
    return yield* fs.link(draft, path).pipe(
      Effect.as(true),
      Effect.catchReason("PlatformError", "AlreadyExists", () => Effect.succeed(false))
    )
  }).pipe(Effect.ensuring(Effect.ignore(fs.remove(draft))), orFolderError(path, "write"))
})

const Owner = Schema.fromJsonString(Schema.Struct({ pid: Schema.Int, started: Schema.String }))
const readOwner = Schema.decodeUnknownOption(Owner)

/** What a lock guards, in the words of its refusal, and what can be done beside stopping the other process. */
export interface Guarded {
  readonly what: string
  readonly remedy: string
}

const embeddedDatabase: Guarded = {
  what: "The embedded database",
  remedy: "give this one another XROUTER_DATA_DIR, or set DATABASE_URL to share a PostgreSQL server"
}

/**
 * Holds `path` as a lock file until the scope closes. Fails where a living process holds it; takes over what a dead one left.
 * A process is known by its id and, where the system tells it, by when it started, since ids are given out again:
 * a container's only process has the same one after every restart.
 */
export const holdLock = Effect.fn("DataFolder.holdLock")(function* (
  path: string,
  guarded: Guarded = embeddedDatabase
): Effect.fn.Return<void, DataFolderError, FileSystem.FileSystem | Scope.Scope> {
  const fs = yield* FileSystem.FileSystem
  const nonce = randomBytes(8).toString("hex")
  const self = JSON.stringify({ pid: process.pid, started: yield* startOf(process.pid), nonce })
  const isOurs = fs.readFileString(path).pipe(
    Effect.map((text) => text === self),
    Effect.orElseSucceed(() => false)
  )
  for (let attempt = 0; attempt < 10; attempt++) {
    const held = yield* Effect.acquireRelease(createFile(path, self), (created) =>
      created ? Effect.flatMap(isOurs, (ours) => (ours ? Effect.ignore(fs.remove(path)) : Effect.void)) : Effect.void
    )
    // Where a dead one was found, somebody else who found it may still be about to move it aside, and would move this one.
    if (held && (attempt === 0 || (yield* Effect.delay(isOurs, settling)))) return
    const owner = yield* livingOwner(path)
    if (owner !== undefined) {
      return yield* new DataFolderError({
        path,
        message: `${guarded.what} is in use by process ${owner} (${path}). Stop that process, ${guarded.remedy}`
      })
    }
    yield* takeAway(path)
  }
  return yield* new DataFolderError({ path, message: `The lock ${path} keeps changing hands; start again` })
})

const settling = "50 millis"

/** The process that holds the lock; undefined where it is gone. */
const livingOwner = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* fs.readFileString(path).pipe(Effect.orElseSucceed(() => ""))
  const owner = readOwner(text)
  if (owner._tag === "None") return undefined
  const { pid, started } = owner.value
  const lives = (yield* isRunning(pid)) && (yield* startOf(pid)) === started
  return lives ? pid : undefined
})

/**
 * Two that find a dead lock at once must not remove each other's new one: the lock is moved aside, and put back if by then
 * it belongs to a living process.
 */
const takeAway = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  const aside = `${path}.${randomBytes(6).toString("hex")}`
  const moved = yield* Effect.isSuccess(fs.rename(path, aside))
  if (!moved) return
  if ((yield* livingOwner(aside)) !== undefined) yield* Effect.ignore(fs.link(aside, path))
  yield* fs.remove(aside).pipe(orFolderError(aside, "remove"))
})

const isRunning = (pid: number): Effect.Effect<boolean> =>
  Effect.try({ try: () => process.kill(pid, 0), catch: (cause) => new NotSignalled({ cause }) }).pipe(
    Effect.as(true),
    // Another user's process may not be signalled, but it is there.
    Effect.catch(({ cause }) => Effect.succeed(cause instanceof Error && "code" in cause && cause.code === "EPERM"))
  )

class NotSignalled extends Data.TaggedError("NotSignalled")<{ readonly cause: unknown }> {}

/** Clock ticks from boot to the start of a process (proc(5), field 22); empty where there is no /proc. */
const startOf = Effect.fnUntraced(function* (pid: number) {
  const fs = yield* FileSystem.FileSystem
  const stat = yield* fs.readFileString(`/proc/${pid}/stat`).pipe(Effect.orElseSucceed(() => ""))
  // Field 2 is the command in parentheses and may hold blanks: count from behind it.
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""
})
