import { Data, Effect } from "effect"
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises"
import { delimiter, join, resolve } from "node:path"
import { promisify } from "node:util"

/**
 * A program of Debian for the tests, unpacked into `node_modules/.cache`. Nothing is installed: neither root nor a running service
 * is needed, and `npm ci` throws the copy away.
 */
export class DebianPackageError extends Data.TaggedError("DebianPackageError")<{ readonly message: string }> {}

export interface DebianPackage {
  /** Where the package's `usr` is. */
  readonly root: string
  /** It brings the shared libraries that this machine lacks. */
  readonly libraryPath: string
}

/** The first of these programs that this machine has. */
export const onPath = (...names: ReadonlyArray<string>): string | undefined =>
  names
    .flatMap((name) => (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name)))
    .find((path) => existsSync(path))

const run = (command: string, args: ReadonlyArray<string>, cwd: string) =>
  Effect.tryPromise({
    try: () => promisify(execFile)(command, [...args], { cwd, env: { ...process.env, LC_ALL: "C" } }),
    catch: (cause) => new DebianPackageError({ message: `${command} ${args.join(" ")}: ${String(cause)}` })
  }).pipe(Effect.map(({ stdout }) => stdout))

const file = <A>(operation: () => Promise<A>) =>
  Effect.tryPromise({ try: operation, catch: (cause) => new DebianPackageError({ message: String(cause) }) })

const say = (line: string) => Effect.sync(() => process.stderr.write(`[tests] ${line}\n`))

/** The folders of libraries, and those in them that a package keeps to itself. */
const libraryFolders = Effect.fnUntraced(function* (root: string) {
  const libraries = join(root, "usr/lib")
  if (!existsSync(libraries)) return []
  const triplets = (yield* file(() => readdir(libraries))).filter((name) => name.endsWith("-linux-gnu"))
  const folders: Array<string> = []
  for (const triplet of triplets.map((name) => join(libraries, name))) {
    const entries = yield* file(() => readdir(triplet, { withFileTypes: true }))
    folders.push(triplet, ...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(triplet, name)))
  }
  return folders
})

/** How a package is fetched. `alone`: without what it depends on, for programs that are linked statically. */
export interface DebianPackageOptions {
  readonly alone?: boolean
}

/** Fetches a package and what of its dependencies this machine lacks, with the package lists that `options` select. */
const download = Effect.fnUntraced(function* (
  name: string,
  into: string,
  options: ReadonlyArray<string>,
  { alone = false }: DebianPackageOptions
) {
  const plan = alone ? "" : yield* run("apt-get", [...options, "-s", "install", "--no-install-recommends", name], into)
  const packages = alone ? [name] : [...plan.matchAll(/^Inst (\S+)/gm)].flatMap((match) => match[1] ?? [])
  yield* run("apt-get", [...options, "download", ...packages], into)
  for (const name of yield* file(() => readdir(into))) {
    if (name.endsWith(".deb")) yield* run("dpkg", ["-x", name, "root"], into)
  }
})

const fetch = Effect.fnUntraced(function* (name: string, cache: string, how: DebianPackageOptions) {
  yield* file(() => mkdir(cache, { recursive: true }))
  const work = yield* file(() => mkdtemp(join(cache, "download-")))
  const sandbox = process.getuid?.() === 0 ? ["-o", "APT::Sandbox::User=root"] : []
  // A machine without package lists, or with outdated ones, gets lists of its own here: that needs no root either.
  const places = [`Dir::State::lists=${join(work, "lists")}`, `Dir::Cache=${join(work, "apt")}`, "Debug::NoLocking=1"]
  const ownLists = [...sandbox, ...places.flatMap((setting) => ["-o", setting])]
  yield* download(name, work, sandbox, how).pipe(
    Effect.catchTag("DebianPackageError", () =>
      say("the machine's package lists do not help: fetching current ones").pipe(
        Effect.andThen(file(() => mkdir(join(work, "lists/partial"), { recursive: true }))),
        Effect.andThen(file(() => mkdir(join(work, "apt/archives/partial"), { recursive: true }))),
        Effect.andThen(run("apt-get", [...ownLists, "update"], work)),
        Effect.andThen(download(name, work, ownLists, how))
      )
    )
  )
  // Of several test workers that come here at once the first wins; the others' copies are the same.
  yield* Effect.ignore(file(() => rename(join(work, "root"), join(cache, "root"))))
  yield* file(() => rm(work, { recursive: true, force: true }))
})

/** The package `name`, which has the program `program` (a path below its root); `size` is told to whoever waits for it. */
export const debianPackage = Effect.fn("DebianPackage")(function* (
  name: string,
  program: string,
  size: string,
  options: DebianPackageOptions = {}
): Effect.fn.Return<DebianPackage, DebianPackageError> {
  const cache = resolve(import.meta.dirname, `../../node_modules/.cache/xrouter-${name}`)
  const root = join(cache, "root")
  if (!existsSync(join(root, program))) {
    if (onPath("apt-get") === undefined || onPath("dpkg") === undefined) {
      return yield* new DebianPackageError({ message: "this machine has no apt-get to fetch Debian's package with" })
    }
    yield* say(`unpacking Debian's package ${name} into ${cache} (${size}, nothing is installed)`)
    yield* fetch(name, cache, options)
    if (!existsSync(join(root, program))) {
      return yield* new DebianPackageError({ message: `the package ${name} has no ${program}` })
    }
  }
  return { root, libraryPath: (yield* libraryFolders(root)).join(delimiter) }
})
