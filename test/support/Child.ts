import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"

/** A process that a test starts. It has a process group of its own, and whatever is left of that ends with the scope. */
export interface Child {
  /** What it has written so far. */
  readonly out: () => string
  readonly err: () => string
  /** Waits until its standard output has this form; dies where it ends before. */
  readonly printed: (form: RegExp) => Effect.Effect<string>
  readonly ended: Effect.Effect<Ended>
  /** Writes to its standard input, which must have been asked for. */
  readonly type: (text: string) => Effect.Effect<void>
  /** SIGTERM to it alone, as a supervisor does. */
  readonly terminate: Effect.Effect<void>
}

export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly out: string
  readonly err: string
}

export interface ChildOptions {
  readonly cwd: string
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Whether its standard input stays open; otherwise it is at its end. */
  readonly stdin?: boolean
}

export const startChild = Effect.fnUntraced(function* (
  command: string,
  args: ReadonlyArray<string>,
  { cwd, environment, stdin = false }: ChildOptions
): Effect.fn.Return<Child, never, Scope.Scope> {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(command, args, { cwd, env: environment, stdio: ["pipe", "pipe", "pipe"], detached: true })),
    ({ pid }) => Effect.sync(() => pid !== undefined && killGroup(pid))
  )
  // A process may end before it has read what was typed.
  child.stdin.on("error", () => {})
  if (!stdin) child.stdin.end()
  let out = ""
  let err = ""
  child.stdout.on("data", (chunk) => (out += chunk))
  child.stderr.on("data", (chunk) => (err += chunk))
  const closed = once(child, "close")
  const ended = Effect.promise(() => closed.then((): Ended => ({ code: child.exitCode, out, err })))
  return {
    out: () => out,
    err: () => err,
    printed: (form) =>
      Effect.callback<string>((resume) => {
        const look = () => form.test(out) && resume(Effect.succeed(out))
        child.stdout.on("data", look)
        child.once("close", () => resume(Effect.die(new Error(`It ended with ${child.exitCode}: ${out}${err}`))))
        look()
      }),
    ended,
    type: (text) => Effect.sync(() => child.stdin.write(text)),
    terminate: Effect.sync(() => child.kill("SIGTERM"))
  }
})

/** Runs it to its end. */
export const runChild = (command: string, args: ReadonlyArray<string>, options: ChildOptions): Effect.Effect<Ended> =>
  Effect.scoped(Effect.flatMap(startChild(command, args, options), ({ ended }) => ended))

const killGroup = (pid: number) => {
  try {
    process.kill(-pid, "SIGKILL")
  } catch {
    // All of it has ended.
  }
}
