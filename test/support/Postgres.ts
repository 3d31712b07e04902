import { Data, Effect, Scope } from "effect"
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { chown, mkdir, mkdtemp, rename, rm } from "node:fs/promises"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { setTimeout } from "node:timers/promises"
import { promisify } from "node:util"
import { endWithUs } from "./EndWithUs.ts"
import { postgresBinaries, type PostgresBinaryError, type ServerUser, serverUser } from "./PostgresBinary.ts"
import { freePort } from "./Redis.ts"

/** A real PostgreSQL server: a free port of the loopback, a folder of its own, gone when the scope closes. */
export interface PostgresServer {
  readonly port: number
  readonly url: (database: string) => string
  /** Stops it without a goodbye (SIGKILL): connections are reset, later ones refused. */
  readonly kill: Effect.Effect<void>
  /** Starts it again with what it had. */
  readonly restart: Effect.Effect<void, PostgresServerError>
  /** Hangs it (SIGSTOP): connections stay open and nothing answers, until `resume`. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

export class PostgresServerError extends Data.TaggedError("PostgresServerError")<{ readonly message: string }> {}

/** Nothing is made safe from a power cut, but what is committed survives a kill; and little memory is taken. */
const settings = [
  "listen_addresses=127.0.0.1",
  "unix_socket_directories=",
  "fsync=off",
  "full_page_writes=off",
  "shared_buffers=16MB",
  "max_connections=60"
].flatMap((setting) => ["-c", setting])

const environment = () => ({ ...process.env, LC_ALL: "C", PGTZ: "UTC", TZ: "UTC" })

const run = (command: string, args: ReadonlyArray<string>, cwd: string, user?: ServerUser) =>
  Effect.tryPromise({
    try: () => promisify(execFile)(command, [...args], { ...user, cwd, env: environment() }),
    catch: (cause) => new PostgresServerError({ message: `${command} failed: ${String(cause)}` })
  })

const cache = resolve(import.meta.dirname, "../../node_modules/.cache/xrouter-postgres")

const clusterOptions = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--wal-segsize=1"]

/** A cluster that nothing was done with yet, kept in the checkout: copying one takes a fraction of `initdb`. */
const pristineCluster = Effect.fnUntraced(function* (binaries: string, folder: string, user: ServerUser | undefined) {
  const { stdout } = yield* run(join(binaries, "postgres"), ["--version"], folder, user)
  const cluster = join(cache, `${stdout.replaceAll(/[^\d.]+/g, "")}-${user?.uid ?? process.getuid?.() ?? 0}`)
  if (existsSync(cluster)) return cluster
  const draft = join(folder, "cluster")
  yield* run(join(binaries, "initdb"), ["-D", draft, ...clusterOptions], folder, user)
  const copy = `${cluster}.${process.pid}`
  yield* Effect.promise(() => mkdir(cache, { recursive: true }))
  yield* run("cp", ["-Rp", draft, copy], folder)
  // Of several test workers that come here at once the first wins; the others' copies are the same.
  yield* Effect.promise(() => rename(copy, cluster).catch(() => rm(copy, { recursive: true })))
  return cluster
})

export const startPostgres: Effect.Effect<PostgresServer, PostgresServerError | PostgresBinaryError, Scope.Scope> =
  Effect.gen(function* () {
    const user = yield* serverUser
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "xrouter-postgres-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    if (user !== undefined) yield* Effect.promise(() => chown(folder, user.uid, user.gid))
    const binaries = yield* postgresBinaries(user, folder)
    const data = join(folder, "data")
    yield* run("cp", ["-Rp", yield* pristineCluster(binaries, folder, user), data], folder)

    let running: ChildProcess | undefined
    const launch = (port: number) =>
      Effect.callback<void, PostgresServerError>((resume) => {
        const child = spawn(join(binaries, "postgres"), ["-D", data, "-p", `${port}`, ...settings], {
          ...user,
          cwd: folder,
          env: environment(),
          stdio: ["ignore", "ignore", "pipe"]
        })
        running = child
        let output = ""
        child.stderr.on("data", (chunk: Buffer) => {
          output = `${output}${chunk.toString()}`.slice(-10_000)
          if (!output.includes("ready to accept connections")) return
          letGo(child)
          resume(Effect.void)
        })
        child.once("error", (cause) => resume(Effect.fail(new PostgresServerError({ message: String(cause) }))))
        child.once("exit", () =>
          resume(Effect.fail(new PostgresServerError({ message: `postgres ended:\n${output}` })))
        )
        if (child.pid !== undefined) endWithUs(child, child.pid, folder)
      })
    const signal = (name: NodeJS.Signals) =>
      Effect.sync(() => {
        if (running?.pid === undefined || hasEnded(running)) return
        for (const pid of [running.pid, ...childrenOf(running.pid)]) sendSignal(pid, name)
      })
    const kill = Effect.suspend(() => (running === undefined ? Effect.void : ended(running, signal("SIGKILL"))))
    yield* Effect.addFinalizer(() => kill)

    const port = yield* freePort
    yield* launch(port)
    return {
      port,
      url: (database) => `postgres://postgres@127.0.0.1:${port}/${database}`,
      kill,
      // On a busy machine the processes of the one that was killed end a moment later than it, and hold its memory.
      restart: kill.pipe(
        Effect.andThen(
          Effect.retry(
            Effect.tapError(launch(port), () => Effect.promise(() => setTimeout(100))),
            { while: ({ message }) => message.includes("pre-existing shared memory block"), times: 50 }
          )
        )
      ),
      pause: signal("SIGSTOP"),
      resume: signal("SIGCONT")
    }
  })

/** The processes that serve its connections. They have process groups of their own. */
const childrenOf = (pid: number): ReadonlyArray<number> => {
  if (!existsSync("/proc/self/stat")) {
    return execFileSync("pgrep", ["-P", `${pid}`], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number)
  }
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === pid)
    .map(Number)
}

const parentOf = (name: string): number | undefined => {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, "utf8")
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])
  } catch {
    return undefined
  }
}

const sendSignal = (pid: number, name: NodeJS.Signals) => {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

const ended = (child: ChildProcess, end: Effect.Effect<void>) =>
  Effect.callback<void>((resume) => {
    if (hasEnded(child)) return resume(Effect.void)
    child.ref()
    child.once("exit", () => resume(Effect.void))
    Effect.runSync(end)
  })

/** A server that runs keeps no process from ending. */
const letGo = (child: ChildProcess) => {
  child.unref()
  if (child.stderr instanceof Socket) child.stderr.unref()
}

let shared: Effect.Effect<PostgresServer, PostgresServerError | PostgresBinaryError> | undefined

/** The server that the files of a test worker share; it ends with the worker. Each suite has a database of its own there. */
export const sharedPostgres = Effect.suspend(() => {
  shared ??= Effect.runSync(Effect.cached(Scope.provide(startPostgres, Scope.makeUnsafe())))
  return shared
})
