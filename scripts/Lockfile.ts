import { Schema } from "effect"

/** What npm keeps of a package; more than what is named here stays as it is. */
export type Packages = Readonly<Record<string, Schema.Json>>

const Entry = Schema.Struct({
  version: Schema.optionalKey(Schema.String),
  dev: Schema.optionalKey(Schema.Boolean),
  optionalDependencies: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
const decodeEntry = Schema.decodeUnknownSync(Entry)

export interface Missing {
  readonly path: string
  readonly entry: Schema.Json
}

/**
 * The builds for other platforms that packages ask for and the lockfile does not have. Each is of the version that its package
 * pins; its platform stands in its name.
 */
export const missingBuilds = (packages: Packages): ReadonlyArray<Missing> =>
  Object.entries(packages).flatMap(([path, value]) => {
    const { dev, optionalDependencies } = decodeEntry(value)
    return Object.entries(optionalDependencies ?? {}).flatMap(([name, version]) => {
      if (!exact.test(version)) return []
      const places = placesOf(path, name)
      const found = places.findIndex((place) => packages[place] !== undefined)
      if (found >= 0 && decodeEntry(packages[places[found] ?? ""]).version === version) return []
      // Another version there is hidden by one that is nearer.
      const place = found < 0 ? places.at(-1) : places[found - 1]
      const entry = { version, ...platformOf(name), ...(dev === true ? { dev } : {}), optional: true }
      return place === undefined ? [] : [{ path: place, entry }]
    })
  })

/** In npm's own order. */
export const withBuilds = (packages: Packages, missing: ReadonlyArray<Missing>): Packages =>
  Object.fromEntries(
    [...Object.entries(packages), ...missing.map(({ entry, path }) => [path, entry] as const)].toSorted(([a], [b]) =>
      a.localeCompare(b, "en")
    )
  )

const exact = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/

/** Where Node looks for a package that the one at `path` asks for, nearest first. */
const placesOf = (path: string, name: string): ReadonlyArray<string> => {
  const here = `${path === "" ? "" : `${path}/`}node_modules/${name}`
  if (path === "") return [here]
  return [here, ...placesOf(path.slice(0, Math.max(0, path.lastIndexOf("node_modules/") - 1)), name)]
}

const systems = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"]
const processors = ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "wasm32", "x64"]

/** Of `@oxlint/binding-linux-arm64-musl`: Linux, arm64, musl. */
const platformOf = (name: string) => {
  const words = name.split(/[/-]/)
  const os = systems.filter((system) => words.includes(system))
  const cpu = processors.filter((processor) => words.includes(processor))
  const libc = words.some((word) => word.startsWith("musl")) ? ["musl"] : []
  return { ...(os.length > 0 ? { os } : {}), ...(cpu.length > 0 ? { cpu } : {}), ...(libc.length > 0 ? { libc } : {}) }
}
