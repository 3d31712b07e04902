import { posix } from "node:path"
import type { SourceFile } from "./SourceFile.ts"

/** The rooms of `src`, low to high. A file imports only from a lower rank or from its own room. */
export const ranks: ReadonlyArray<ReadonlyArray<string>> = [
  ["domain"],
  ["config", "sockets", "telemetry"],
  ["storage"],
  ["auth", "limits", "ledger", "providers"],
  ["oauth", "router"],
  ["gateway", "ai"],
  ["cli", "cluster", "testing", "src"]
]

/** Files that lie in `src` itself compose the others; together with `cli`, `cluster` and `testing` they are the top. */
const top = "src"

export const roomOf = (path: string): string => (path.includes("/") ? path.slice(0, path.indexOf("/")) : top)

const rankOf = (room: string): number => ranks.findIndex((rooms) => rooms.includes(room))

/** Of `providers/gigachat/Dialect.ts`: `gigachat`. The files of `providers` itself belong to no vendor. */
const vendorOf = (path: string): string | undefined => /^providers\/([^/]+)\//.exec(path)?.[1]

/** What is wrong with the imports of these files, one sentence each: `src/…:line …`. */
export const importFaults = (files: ReadonlyArray<SourceFile>): ReadonlyArray<string> => {
  const known = new Set(files.map((file) => file.path))
  const faults = files.flatMap((file) =>
    file.imports.flatMap(({ line, specifier }) => {
      const fault = specifier === undefined ? "computes what it imports" : importFault(file.path, specifier, known)
      return fault === undefined ? [] : [`src/${file.path}:${line} ${fault}`]
    })
  )
  return [...faults, ...cycles(files)]
}

const importFault = (path: string, specifier: string, known: ReadonlySet<string>): string | undefined => {
  const room = roomOf(path)
  if (rankOf(room) < 0) return `lies in ${room}/, a room without a rank`
  if (!specifier.startsWith(".")) return packageFault(room, specifier)
  const target = resolve(path, specifier)
  // The version has one home, outside of src.
  if (target === "../package.json" && room !== "domain") return undefined
  if (!known.has(target)) return `imports ${specifier}, which is no file of src`
  const other = roomOf(target)
  const vendors = [vendorOf(path), vendorOf(target)]
  if (vendors.every((vendor) => vendor !== undefined) && vendors[0] !== vendors[1]) {
    return `imports ${target}: one vendor knows nothing of another`
  }
  if (other === room || (rankOf(other) === rankOf(room) && rankOf(room) === ranks.length - 1)) return undefined
  if (rankOf(other) === rankOf(room)) return `imports its neighbour ${target}`
  if (rankOf(other) > rankOf(room)) return `imports upward: ${target}`
  return undefined
}

/** Foreign packages that only one room may know, so that exchanging one of them touches that room alone. */
const homes: Readonly<Record<string, ReadonlyArray<string>>> = {
  "@electric-sql/pglite": ["storage"],
  "@effect/sql-pg": ["storage"],
  ioredis: ["storage"],
  jose: ["auth"],
  undici: ["providers"],
  yaml: ["config"]
}

const packageFault = (room: string, specifier: string): string | undefined => {
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/")
  if (room === "domain" && name !== "effect") return `imports ${specifier}: the domain knows effect and nothing else`
  const home = homes[name]
  return home === undefined || home.includes(room)
    ? undefined
    : `imports ${specifier}, which belongs to ${home.join()}/`
}

const resolve = (path: string, specifier: string) => posix.join(posix.dirname(path), specifier)

/**
 * Tarjan's strongly connected components: every group of files that load each other in a ring. Types are not loaded, so a
 * contract and its implementation in one room may name each other's.
 */
const cycles = (files: ReadonlyArray<SourceFile>): ReadonlyArray<string> => {
  const targets = new Map(
    files.map((file) => [
      file.path,
      file.imports.flatMap(({ erased, specifier }) =>
        !erased && specifier?.startsWith(".") ? [resolve(file.path, specifier)] : []
      )
    ])
  )
  const order = new Map<string, { readonly index: number; low: number }>()
  const stack: Array<string> = []
  const faults: Array<string> = []
  const visit = (path: string): number => {
    const node = { index: order.size, low: order.size }
    order.set(path, node)
    stack.push(path)
    for (const target of targets.get(path) ?? []) {
      if (!targets.has(target)) continue
      const seen = order.get(target)
      if (seen === undefined) node.low = Math.min(node.low, visit(target))
      else if (stack.includes(target)) node.low = Math.min(node.low, seen.index)
      if (target === path) faults.push(`src/${path} imports itself`)
    }
    if (node.low === node.index) {
      const ring = stack.splice(stack.indexOf(path))
      if (ring.length > 1) faults.push(`a ring of imports: ${ring.map((file) => `src/${file}`).join(", ")}`)
    }
    return node.low
  }
  for (const file of files) if (!order.has(file.path)) visit(file.path)
  return faults
}
