import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import manifest from "../../package.json" with { type: "json" }
import { freePort } from "../support/Redis.ts"

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The command as a process of its own, in a folder, with nothing else in its environment. */
const xrouter = (cwd: string, environment: Record<string, string>, line: string) =>
  Effect.callback<Ended>((resume) => {
    const process_ = execFile(process.execPath, [main, ...line.split(" ")], { cwd, env: environment }, (_, out, err) =>
      resume(Effect.succeed({ code: process_.exitCode ?? -1, out, err }))
    )
  })

const serving = (cwd: string, environment: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [main, "serve"], { cwd, env: environment, stdio: ["ignore", "pipe", "inherit"] })
    ),
    (child: ChildProcess) => Effect.promise(() => stopped(child))
  )

const stopped = async (child: ChildProcess): Promise<unknown> => {
  if (child.exitCode !== null) return child.exitCode
  child.kill("SIGTERM")
  const [code] = await once(child, "exit")
  return code
}

/** What it printed until a line of this form was there. */
const printed = (child: ChildProcess, form: RegExp) =>
  Effect.callback<string>((resume) => {
    let text = ""
    child.stdout?.on("data", (chunk) => {
      text += chunk
      if (form.test(text)) resume(Effect.succeed(text))
    })
    child.once("exit", () => resume(Effect.die(new Error(`It ended: ${text}`))))
  })

const folder = Effect.gen(function* () {
  return yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
})

describe("the xrouter process", () => {
  it.live(
    "tells its version, and by its exit code whether it did what it was asked",
    () =>
      Effect.gen(function* () {
        const cwd = yield* folder
        const version = yield* xrouter(cwd, {}, "--version")
        assert.strictEqual(version.code, 0)
        assert.include(version.out, manifest.version)
        const faulty = yield* xrouter(cwd, { XROUTER_PORT: "http" }, "check")
        assert.strictEqual(faulty.code, 1)
        assert.match(faulty.out, /XROUTER_PORT +failed +Expected a port/)
        assert.match(faulty.err, /1 check failed/)
        const keyless = yield* xrouter(cwd, {}, "keys list")
        assert.strictEqual(keyless.code, 1)
        assert.match(keyless.err, /There is no admin key/)
        const unknown = yield* xrouter(cwd, {}, "clean")
        assert.strictEqual(unknown.code, 1)
        for (const { err } of [faulty, keyless, unknown]) assert.notMatch(err, /\n +at /)
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
    60_000
  )

  it.live(
    "ends with the faults and no more when it is to serve with a faulty configuration",
    () =>
      Effect.gen(function* () {
        const { code, err, out } = yield* xrouter(
          yield* folder,
          { XROUTER_PORT: "http", XROUTER_LOG_LEVEL: "loud" },
          "serve"
        )
        assert.strictEqual(code, 1)
        assert.match(err, /The configuration has 2 faults:\n +XROUTER_PORT: .+\n +XROUTER_LOG_LEVEL: .+\n/)
        assert.notMatch(out + err, /\n +at /)
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
    60_000
  )

  it.live(
    "serves from a folder, and administers what serves there without being told where it is",
    () =>
      Effect.gen(function* () {
        const cwd = yield* folder
        const port = yield* freePort
        const child = yield* serving(cwd, { XROUTER_PORT: String(port), XROUTER_LOG_FORMAT: "json" })
        const text = yield* printed(child, /"messages"/)
        assert.match(text, new RegExp(`curl http://127.0.0.1:${port}/v1/chat/completions`))
        const users = yield* xrouter(cwd, {}, "users list")
        assert.strictEqual(users.code, 0, users.err)
        assert.strictEqual(users.out.trim().split("\n").length, 2)
        const created = yield* xrouter(cwd, {}, "keys create")
        assert.match(created.out, /^xr-\w+-[0-9A-Za-z]{22}-[0-9A-Za-z]{6}\n$/)
        const response = yield* Effect.promise(() =>
          fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: `Bearer ${created.out.trim()}` } })
        )
        assert.strictEqual(response.status, 200)
        assert.include([0, 130, 143], yield* Effect.promise(() => stopped(child)))
        const after = yield* xrouter(cwd, {}, "users list")
        assert.match(after.err, new RegExp(`No gateway answers at http://127.0.0.1:${port}`))
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
    120_000
  )
})
