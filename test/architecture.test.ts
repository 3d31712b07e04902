import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { breaches, type Convention, conventions, mostLines } from "./architecture/Conventions.ts"
import { importFaults, ranks, roomOf } from "./architecture/Ranks.ts"
import { parseTree, readTree } from "./architecture/SourceFile.ts"

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const files = parseTree(readTree(at("src")))

/** The places where a convention gives way, each with its reason. A place that no longer needs it fails the test. */
const exceptions: ReadonlyArray<{ readonly file: string; readonly convention: Convention; readonly reason: string }> = [
  {
    file: "sockets/WriteBursts.ts",
    convention: "timer",
    reason: "it waits for the end of a turn of the event loop, which no clock of Effect's knows"
  }
]

const faults = importFaults(files)

/** What the planted files add to the faults of the tree as it is. */
const faultsOf = (planted: Record<string, string>) =>
  importFaults([...files, ...parseTree(new Map(Object.entries(planted)))]).filter((fault) => !faults.includes(fault))

const breachesIn = (text: string, file = "router/Planted.ts") =>
  breaches(parseTree(new Map([[file, text]]))).map((breach) => breach.convention)

describe("imports between the rooms of src", () => {
  it("go down in rank or stay in the room, in no ring", () => {
    assert.isAbove(files.length, 10)
    assert.deepStrictEqual(faults, [])
  })

  const planted: ReadonlyArray<
    readonly [what: string, files: Record<string, string>, expected: ReadonlyArray<string>]
  > = [
    [
      "an import of a higher room",
      { "domain/Planted.ts": `\nimport { Settings } from "../config/Settings.ts"` },
      ["src/domain/Planted.ts:2 imports upward: config/Settings.ts"]
    ],
    [
      "an import of nothing but a type",
      { "domain/Planted.ts": `import type { Settings } from "../config/Settings.ts"` },
      ["src/domain/Planted.ts:1 imports upward: config/Settings.ts"]
    ],
    [
      "an import for its side effect",
      { "domain/Planted.ts": `import "../config/Settings.ts"` },
      ["src/domain/Planted.ts:1 imports upward: config/Settings.ts"]
    ],
    [
      "a dynamic import",
      { "storage/Planted.ts": `export const later = () => import("../limits/Limits.ts")` },
      ["src/storage/Planted.ts:1 imports upward: limits/Limits.ts"]
    ],
    [
      "an import inside a type",
      { "storage/Planted.ts": `export type Later = import("../limits/Limits.ts").Admission` },
      ["src/storage/Planted.ts:1 imports upward: limits/Limits.ts"]
    ],
    [
      "a named export from a higher room",
      { "config/Planted.ts": `export { Limits } from "../limits/Limits.ts"` },
      ["src/config/Planted.ts:1 imports upward: limits/Limits.ts"]
    ],
    [
      "an export of all of a higher room",
      { "config/Planted.ts": `export * from "../limits/Limits.ts"` },
      ["src/config/Planted.ts:1 imports upward: limits/Limits.ts"]
    ],
    [
      "a require",
      { "config/Planted.ts": `export const limits = require("../limits/Limits.ts")` },
      ["src/config/Planted.ts:1 imports upward: limits/Limits.ts"]
    ],
    [
      "an import of a neighbour",
      { "providers/Planted.ts": `import { Limits } from "../limits/Limits.ts"` },
      ["src/providers/Planted.ts:1 imports its neighbour limits/Limits.ts"]
    ],
    [
      "an import of another vendor",
      {
        "providers/one/One.ts": `import { two } from "../two/Two.ts"\nimport type { Provider } from "../Provider.ts"`,
        "providers/two/Two.ts": `export const two = 2`
      },
      ["src/providers/one/One.ts:1 imports providers/two/Two.ts: one vendor knows nothing of another"]
    ],
    [
      "a ring of three files in one room",
      {
        "router/A.ts": `import { b } from "./B.ts"\nexport const a = () => b`,
        "router/B.ts": `export { c as b } from "./C.ts"`,
        "router/C.ts": `export const c = () => import("./A.ts")`
      },
      ["a ring of imports: src/router/A.ts, src/router/B.ts, src/router/C.ts"]
    ],
    [
      "a domain that knows more than effect",
      { "domain/Planted.ts": `import { createHash } from "node:crypto"\nimport { Schema } from "effect"` },
      ["src/domain/Planted.ts:1 imports node:crypto: the domain knows effect and nothing else"]
    ],
    [
      "a foreign package outside its room",
      { "router/Planted.ts": `import { Redis } from "ioredis"` },
      ["src/router/Planted.ts:1 imports ioredis, which belongs to storage/"]
    ],
    [
      "an import whose target is computed",
      { "router/Planted.ts": "export const load = (name: string) => import(`../gateway/${name}.ts`)" },
      ["src/router/Planted.ts:1 computes what it imports"]
    ],
    [
      "an import that leaves src",
      { "router/Planted.ts": `import { x } from "../../test/x.ts"` },
      ["src/router/Planted.ts:1 imports ../../test/x.ts, which is no file of src"]
    ],
    [
      "a domain that reads the package's version",
      { "domain/Planted.ts": `import manifest from "../../package.json" with { type: "json" }` },
      ["src/domain/Planted.ts:1 imports ../../package.json, which is no file of src"]
    ],
    [
      "a room that nobody gave a rank",
      { "stuff/Planted.ts": `import { Effect } from "effect"` },
      ["src/stuff/Planted.ts:1 lies in stuff/, a room without a rank"]
    ]
  ]
  it.each(planted)("are caught: %s", (_, plant, expected) => {
    assert.deepStrictEqual(faultsOf(plant), expected)
  })

  it("that are allowed stay unmentioned", () => {
    assert.deepStrictEqual(
      faultsOf({
        "cli/Planted.ts": `import manifest from "../../package.json" with { type: "json" }`,
        "router/Planted.ts": `import { Limits } from "../limits/Limits.ts"\nimport { near } from "./Near.ts"`,
        "router/Near.ts": `import type { Far } from "./Far.ts"\nexport const near: Far = "import '../gateway/x.ts'"`,
        "router/Far.ts": `import { near } from "./Near.ts" // import "../gateway/x.ts"\nexport type Far = string`
      }),
      []
    )
  })
})

describe("the conventions of src", () => {
  it("hold everywhere but at the listed exceptions", () => {
    const excused = (file: string, convention: Convention) =>
      exceptions.some((exception) => exception.file === file && exception.convention === convention)
    assert.deepStrictEqual(
      breaches(files)
        .filter((breach) => !excused(breach.file, breach.convention))
        .map(({ convention, file, line }) => `src/${file}:${line} ${convention}: use ${conventions[convention]}`),
      []
    )
  })

  it("have no exception without need or without reason", () => {
    const found = breaches(files)
    for (const { convention, file, reason } of exceptions) {
      assert.isTrue(
        found.some((breach) => breach.file === file && breach.convention === convention),
        `src/${file} no longer needs its exception from "${convention}"`
      )
      assert.isAbove(reason.length, 20)
    }
  })

  const samples: ReadonlyArray<readonly [Convention, string]> = [
    ["process.env", `export const home = process.env["HOME"]`],
    ["process.env", `export const { HOME } = globalThis.process.env`],
    ["process.env", `import { env } from "node:process"\nexport const home = env["HOME"]`],
    ["Date.now", `export const now = () => Date.now()`],
    ["Date.now", `export const now = () => Date["now"]()`],
    ["Date.now", `export const now = () => new Date()`],
    ["currentTimeNanos", `export const now = () => clock.currentTimeNanosUnsafe()`],
    ["Math.random", `export const one = Math.random`],
    ["console", `console.log("hello")`],
    ["fetch", `export const page = fetch("http://127.0.0.1")`],
    ["fetch", `export const page = globalThis.fetch("http://127.0.0.1")`],
    ["timer", `setTimeout(() => undefined, 1)`],
    ["timer", `import { setTimeout as sleep } from "node:timers/promises"\nexport { sleep }`],
    ["new Promise", `export const never = new Promise(() => undefined)`],
    ["try", `try { JSON.parse("") } catch {}`],
    ["async", `export const f = async () => 1`],
    ["cast", `export const n = (x: unknown) => x as number`],
    ["cast", `export const n = (x: unknown) => <number>x`],
    ["any", `export const n: any = 1`],
    ["non-null", `export const n = (x?: number) => x!`],
    ["function on a property", `export const f = (x: { g: () => number }) => { x.g = () => 1 }`],
    ["function on a property", `export const f = (x: { g?: () => number }) => { x.g ??= function () { return 1 } }`],
    ["barrel", `export * from "./A.ts"\nexport { B } from "./B.ts"`]
  ]
  it.each(samples)("notice %s in: %s", (convention, text) => {
    assert.deepStrictEqual(breachesIn(text), [convention])
  })

  it("notice a vague folder, and a file that is too long", () => {
    assert.deepStrictEqual(breachesIn("export const x = 1", "router/utils/x.ts"), ["folder"])
    assert.deepStrictEqual(breachesIn("export const x = 1\n".repeat(mostLines)), [])
    assert.deepStrictEqual(breachesIn(`export const x = 1\n`.repeat(mostLines + 1)), ["length"])
  })

  it("let pass what only looks like a breach", () => {
    const innocent = `
      // Date.now(), try {, x as any, console.log
      export const text = "process.env Math.random() fetch( setTimeout( new Promise("
      export const list = ["a"] as const
      export const at = (millis: number) => new Date(millis)
      export const named = (x: { g: () => number }) => { const g = () => 1; x.g = g }
      export const prefetch = (client: { fetch: () => void }) => client.fetch()
      export const few = { rank: 1 } satisfies { rank: number }`
    assert.deepStrictEqual(breachesIn(innocent), [])
  })
})

describe("the rooms", () => {
  const rooms = Array.from(new Set(files.map((file) => roomOf(file.path)))).filter((room) => room !== "src")

  it("each have a rank", () => {
    assert.deepStrictEqual(
      rooms.filter((room) => !ranks.flat().includes(room)),
      []
    )
  })

  it("are listed in docs/architecture.md with the ranks that this test enforces", () => {
    const page = readFileSync(at("docs/architecture.md"), "utf8")
    const table = Array.from(page.matchAll(/^\| (\d) \| (.+?) \|/gm), ([, rank, cell]) => [
      Number(rank),
      Array.from((cell ?? "").matchAll(/`(\w+)\/`/g), (match) => match[1])
    ])
    assert.deepStrictEqual(
      table,
      ranks.map((names, index) => [index, [...names]])
    )
  })

  it("have their tests under the same name", () => {
    const untested = rooms.filter((room) => !existsSync(at(`test/${room}`)))
    assert.deepStrictEqual(untested, [])
  })
})
