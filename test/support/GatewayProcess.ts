import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { freePort } from "./Redis.ts"

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url))

/** The gateway as `npm start` runs it: a process of its own, in an empty folder, set by its environment alone. */
export interface GatewayProcess {
  readonly url: string
  readonly pid: number
  /** Where it runs; its data folder is in it. */
  readonly folder: string
  /** What it has written so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** SIGTERM; done when it has ended, with its exit code. */
  readonly stop: Effect.Effect<number | null>
  /** SIGKILL: it ends at once, and does nothing more. */
  readonly kill: Effect.Effect<void>
  /** Sends a signal, and waits for nothing. */
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  /** Its exit code, when it has ended by itself or been told to. */
  readonly exited: Effect.Effect<number | null>
}

export const startProcess = Effect.fnUntraced(function* (
  environment: Readonly<Record<string, string>>
): Effect.fn.Return<GatewayProcess, never, Scope.Scope> {
  const cwd = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "xrouter-process-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )
  const port = yield* freePort
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [main], {
        cwd,
        env: { XROUTER_PORT: `${port}`, XROUTER_LOG_FORMAT: "json", ...environment },
        stdio: ["ignore", "pipe", "pipe"]
      })
    ),
    (child) => Effect.promise(() => ended(child, "SIGKILL"))
  )
  let stdout = ""
  let stderr = ""
  child.stdout.on("data", (chunk) => (stdout += chunk))
  child.stderr.on("data", (chunk) => (stderr += chunk))
  // As long as it takes: several that start at once on a busy machine take their time.
  yield* Effect.callback<void>((resume) => {
    const look = () => stdout.includes("XRouter listens on") && resume(Effect.void)
    child.stdout.on("data", look)
    child.once("close", (code) => resume(Effect.die(new Error(`The gateway ended with ${code}: ${stdout}${stderr}`))))
    look()
  })
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    folder: cwd,
    stdout: () => stdout,
    stderr: () => stderr,
    stop: Effect.promise(() => ended(child, "SIGTERM")),
    kill: Effect.asVoid(Effect.promise(() => ended(child, "SIGKILL"))),
    signal: (name) => Effect.sync(() => void child.kill(name)),
    exited: Effect.promise(() => ended(child))
  }
})

const ended = async (child: ReturnType<typeof spawn>, signal?: NodeJS.Signals): Promise<number | null> => {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  if (signal !== undefined) child.kill(signal)
  await once(child, "close")
  return child.exitCode
}
