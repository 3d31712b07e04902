import { Data, Effect } from "effect"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises"
import { delimiter, join, resolve } from "node:path"
import { promisify } from "node:util"

/**
 * Where the tests' redis-server comes from: the machine's own, or Debian's package unpacked into `node_modules/.cache`.
 * Nothing is installed: neither root nor a running service is needed, and `npm ci` throws the copy away.
 */
export class RedisBinaryError extends Data.TaggedError("RedisBinaryError")<{ readonly message: string }> {}

export interface RedisBinary {
  readonly path: string
  /** The unpacked package brings its shared libraries; empty for the machine's own. */
  readonly libraryPath: string
}

const cache = resolve(import.meta.dirname, "../../node_modules/.cache/xrouter-redis")

const onPath = (name: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

const run = (command: string, args: ReadonlyArray<string>, cwd: string) =>
  Effect.tryPromise({
    try: () => promisify(execFile)(command, [...args], { cwd, env: { ...process.env, LC_ALL: "C" } }),
    catch: (cause) => new RedisBinaryError({ message: `${command} ${args.join(" ")}: ${String(cause)}` })
  }).pipe(Effect.map(({ stdout }) => stdout))

const file = <A>(operation: () => Promise<A>) =>
  Effect.tryPromise({ try: operation, catch: (cause) => new RedisBinaryError({ message: String(cause) }) })

const say = (line: string) => Effect.sync(() => process.stderr.write(`[test redis] ${line}\n`))

const unpacked = Effect.fn(function* (folder: string) {
  const libraries = join(folder, "usr/lib")
  const triplets = (yield* file(() => readdir(libraries))).filter((name) => name.endsWith("-linux-gnu"))
  return {
    path: join(folder, "usr/bin/redis-server"),
    libraryPath: triplets.map((name) => join(libraries, name)).join(delimiter)
  }
})

/**
 * Fetches redis-server and what of its dependencies this machine lacks, with the package lists that `options` select.
 */
const download = Effect.fn(function* (into: string, options: ReadonlyArray<string>) {
  const plan = yield* run("apt-get", [...options, "-s", "install", "--no-install-recommends", "redis-server"], into)
  const packages = [...plan.matchAll(/^Inst (\S+)/gm)].flatMap((match) => match[1] ?? [])
  yield* run("apt-get", [...options, "download", ...packages], into)
  for (const name of yield* file(() => readdir(into))) {
    if (name.endsWith(".deb")) yield* run("dpkg", ["-x", name, "root"], into)
  }
})

const fetch = Effect.fn(function* () {
  yield* file(() => mkdir(cache, { recursive: true }))
  const work = yield* file(() => mkdtemp(join(cache, "download-")))
  const sandbox = process.getuid?.() === 0 ? ["-o", "APT::Sandbox::User=root"] : []
  // A machine without package lists, or with outdated ones, gets lists of its own here: that needs no root either.
  const places = [`Dir::State::lists=${join(work, "lists")}`, `Dir::Cache=${join(work, "apt")}`, "Debug::NoLocking=1"]
  const ownLists = [...sandbox, ...places.flatMap((setting) => ["-o", setting])]
  yield* download(work, sandbox).pipe(
    Effect.catchTag("RedisBinaryError", () =>
      say("the machine's package lists do not help: fetching current ones").pipe(
        Effect.andThen(file(() => mkdir(join(work, "lists/partial"), { recursive: true }))),
        Effect.andThen(file(() => mkdir(join(work, "apt/archives/partial"), { recursive: true }))),
        Effect.andThen(run("apt-get", [...ownLists, "update"], work)),
        Effect.andThen(download(work, ownLists))
      )
    )
  )
  // Of several test workers that come here at once the first wins; the others' copies are the same.
  yield* Effect.ignore(file(() => rename(join(work, "root"), join(cache, "root"))))
  yield* file(() => rm(work, { recursive: true, force: true }))
})

const missing =
  "The tests need a real redis-server (6.2 or newer). It is not on the PATH, and this machine has no apt-get to fetch " +
  "Debian's package with: install Redis (brew install redis, apk add redis, dnf install redis) and run them again."

export const redisBinary: Effect.Effect<RedisBinary, RedisBinaryError> = Effect.gen(function* () {
  const own = onPath("redis-server") ?? onPath("valkey-server")
  if (own !== undefined) return { path: own, libraryPath: "" }
  const folder = join(cache, "root")
  if (!existsSync(join(folder, "usr/bin/redis-server"))) {
    if (onPath("apt-get") === undefined || onPath("dpkg") === undefined) {
      return yield* new RedisBinaryError({ message: missing })
    }
    yield* say(
      `redis-server is not on this machine: unpacking Debian's package into ${cache} (2 MB, nothing is installed)`
    )
    yield* fetch().pipe(
      Effect.mapError(
        (error) => new RedisBinaryError({ message: `redis-server could not be fetched: ${error.message}. ${missing}` })
      )
    )
  }
  return yield* unpacked(folder)
})
