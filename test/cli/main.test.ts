import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { createServer, type Server } from "node:net"
import { fileURLToPath } from "node:url"
import manifest from "../../package.json" with { type: "json" }
import { runChild, startChild } from "../support/Child.ts"
import { unpackPGlite } from "../support/PGliteArchive.ts"
import { freePort } from "../support/Redis.ts"

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url))

/** The command as a process of its own, in a folder, with nothing else in its environment. */
const xrouter = (cwd: string, environment: Record<string, string>, line: string) =>
  runChild(process.execPath, [main, ...line.split(" ")], { cwd, environment })

const folder = Effect.gen(function* () {
  return yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped()
})

const occupied = Effect.acquireRelease(
  Effect.callback<Server>((resume) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) => Effect.sync(() => server.close())
).pipe(
  Effect.map((server) => {
    const address = server.address()
    return typeof address === "object" && address !== null ? address.port : 0
  })
)

describe("the xrouter process", () => {
  it.live(
    "tells its version, and by its exit code whether it did what it was asked",
    () =>
      Effect.gen(function* () {
        const cwd = yield* folder
        const [version, faulty, keyless, unknown] = yield* Effect.all(
          [
            xrouter(cwd, {}, "--version"),
            xrouter(cwd, { XROUTER_PORT: "http" }, "check"),
            xrouter(cwd, {}, "keys list"),
            xrouter(cwd, {}, "clean")
          ],
          { concurrency: 2 }
        )
        assert.strictEqual(version.code, 0)
        assert.include(version.out, manifest.version)
        assert.strictEqual(faulty.code, 1)
        assert.match(faulty.out, /XROUTER_PORT +failed +Expected a port/)
        assert.match(faulty.err, /1 check failed/)
        assert.strictEqual(keyless.code, 1)
        assert.match(keyless.err, /There is no admin key/)
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
        yield* Effect.promise(() => unpackPGlite(`${cwd}/.xrouter/database`).then((db) => db.close()))
        const taken = yield* occupied
        const failed = yield* xrouter(cwd, { XROUTER_PORT: String(taken) }, "serve")
        assert.strictEqual(failed.code, 1)
        assert.match(failed.err, new RegExp(`Port ${taken} of 127.0.0.1 is in use. Stop .+, or set XROUTER_PORT`))
        assert.notMatch(failed.out + failed.err, /xr-|\n +at /)

        // The start that came to nothing has not taken the first key along.
        const port = yield* freePort
        const environment = { XROUTER_PORT: String(port), XROUTER_LOG_FORMAT: "json", XROUTER_SIGN_UP: "open" }
        const child = yield* startChild(process.execPath, [main, "serve"], { cwd, environment })
        const text = yield* child.printed(/"messages"/)
        assert.match(text, new RegExp(`curl http://127.0.0.1:${port}/v1/chat/completions`))
        assert.match(text, /"level":"warn","message":"XROUTER_SIGN_UP is no variable of XRouter/)
        const [users, created] = yield* Effect.all([xrouter(cwd, {}, "users list"), xrouter(cwd, {}, "keys create")], {
          concurrency: 2
        })
        assert.strictEqual(users.code, 0, users.err)
        assert.strictEqual(users.out.trim().split("\n").length, 2)
        assert.match(created.out, /^xr-\w+-[0-9A-Za-z]{22}-[0-9A-Za-z]{6}\n$/)
        const response = yield* Effect.promise(() =>
          fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: `Bearer ${created.out.trim()}` } })
        )
        assert.strictEqual(response.status, 200)
        yield* child.terminate
        assert.strictEqual((yield* child.ended).code, 0)
        const after = yield* xrouter(cwd, {}, "users list")
        assert.match(after.err, new RegExp(`No gateway answers at http://127.0.0.1:${port}`))
      }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)),
    120_000
  )
})
