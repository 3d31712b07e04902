import { Data, Effect, Schedule, type Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { endWithUs } from "./EndWithUs.ts"
import { type RedisBinary, type RedisBinaryError, redisBinary } from "./RedisBinary.ts"

/** A real redis-server of a test's own: a free port of the loopback, nothing on disk, gone when the scope closes. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Stops it without a goodbye (SIGKILL): connections are reset, later ones refused. */
  readonly kill: Effect.Effect<void>
  /** Starts it again, empty, on the same port. */
  readonly restart: Effect.Effect<void, RedisServerError>
  /** Hangs it (SIGSTOP): connections stay open and nothing answers, until `resume`. */
  readonly pause: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

export class RedisServerError extends Data.TaggedError("RedisServerError")<{ readonly message: string }> {}

export interface RedisServerOptions {
  /** Further arguments of redis-server, `["--requirepass", "…"]`. */
  readonly args?: ReadonlyArray<string>
  /** A configuration file's content, for what cannot be an argument. */
  readonly file?: string
}

export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

const defaults = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]

const launch = (binary: RedisBinary, folder: string, args: ReadonlyArray<string>) =>
  Effect.callback<ChildProcess, RedisServerError>((resume) => {
    const inherited = process.env["LD_LIBRARY_PATH"]
    const child = spawn(binary.path, [...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env:
        binary.libraryPath === ""
          ? process.env
          : { ...process.env, LD_LIBRARY_PATH: [binary.libraryPath, inherited].filter(Boolean).join(":") }
    })
    if (child.pid !== undefined) endWithUs(child, child.pid, folder)
    let output = ""
    const onOutput = (chunk: Buffer) => {
      output += chunk.toString()
      // A sentinel says the latter.
      if (/Ready to accept connections|\+monitor master/.test(output)) resume(Effect.succeed(child))
    }
    child.stdout.on("data", onOutput)
    child.stderr.on("data", onOutput)
    child.once("error", (cause) => resume(Effect.fail(new RedisServerError({ message: String(cause) }))))
    child.once("exit", () => resume(Effect.fail(new RedisServerError({ message: `redis-server ended:\n${output}` }))))
  })

const end = (child: ChildProcess) =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    child.once("exit", () => resume(Effect.void))
    child.kill("SIGKILL")
  })

export const startRedis = (
  options: RedisServerOptions = {}
): Effect.Effect<RedisServer, RedisServerError | RedisBinaryError, Scope.Scope> =>
  Effect.gen(function* () {
    const binary = yield* redisBinary
    const folder = yield* Effect.acquireRelease(
      Effect.promise(() => mkdtemp(join(tmpdir(), "xrouter-redis-"))),
      (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
    )
    let running: ChildProcess | undefined
    const stop = Effect.suspend(() => (running === undefined ? Effect.void : end(running)))
    yield* Effect.addFinalizer(() => stop)
    const path = join(folder, "redis.conf")
    const file = options.file === undefined ? [] : [path]
    if (options.file !== undefined) yield* Effect.promise(() => writeFile(path, options.file ?? ""))
    const start = (port: number) =>
      launch(binary, folder, [
        ...file,
        "--port",
        `${port}`,
        "--dir",
        folder,
        ...defaults,
        ...(options.args ?? [])
      ]).pipe(
        Effect.tap((child) =>
          Effect.sync(() => {
            running = child
          })
        )
      )
    const signal = (name: NodeJS.Signals) => Effect.sync(() => running?.kill(name)).pipe(Effect.asVoid)
    // Another process may take the port between the look and the start.
    const port = yield* freePort.pipe(Effect.tap(start), Effect.retry({ schedule: Schedule.recurs(2) }))
    return {
      port,
      url: `redis://127.0.0.1:${port}`,
      kill: stop,
      restart: stop.pipe(Effect.andThen(start(port)), Effect.asVoid),
      pause: signal("SIGSTOP"),
      resume: signal("SIGCONT")
    }
  })
