import { posix } from "node:path"
import { Visitor } from "rolldown/utils"
import type { SourceFile } from "./SourceFile.ts"

/** What `src` does not do, over what it does in its place. */
export const conventions = {
  "process.env": "Config, decoded once in config/",
  "Date.now": "Clock, so that tests can turn it",
  currentTimeNanos: "Clock's monotonic time: these nanoseconds are of the time of day, and jump with it",
  "Math.random": "node:crypto, or Effect's Random",
  console: "Effect.log, or Console in cli/",
  fetch: "providers/Upstream",
  timer: "Effect.sleep, Effect.timeout, Schedule",
  "new Promise": "Effect.callback",
  try: "Effect.try, Effect.tryPromise",
  async: "Effect.gen",
  cast: "a type that fits, Schema, or a guard",
  any: "unknown, and a guard",
  "non-null": "a check",
  "function on a property": "a constant first: V8 makes a function old that is written there (decision 0023)",
  barrel: "imports of the file that has it; an index.ts that package.json exports is the library's face",
  folder: "a room named after what it holds",
  length: "two files of one thought each"
} as const

export type Convention = keyof typeof conventions

export interface Breach {
  readonly file: string
  readonly line: number
  readonly convention: Convention
}

const timers = new Set(["setTimeout", "setInterval", "setImmediate"])
const functions = new Set(["ArrowFunctionExpression", "FunctionExpression", "ClassExpression"])
const vagueFolders = new Set(["utils", "util", "common", "helpers", "shared", "types", "lib", "misc"])
export const mostLines = 400

/** What the package exports (`exports` of package.json); nothing of `src` imports it. */
const entries = new Set([
  "index.ts",
  "ai/index.ts",
  "testing/index.ts",
  "providers/index.ts",
  ...["gigachat", "openai", "sandbox", "yandexgpt"].map((vendor) => `providers/${vendor}/index.ts`)
])

export const breaches = (files: ReadonlyArray<SourceFile>): ReadonlyArray<Breach> => files.flatMap(breachesOf)

const breachesOf = (file: SourceFile): ReadonlyArray<Breach> => {
  const found: Array<Breach> = []
  const note = (node: { readonly start: number }, convention: Convention) =>
    found.push({ file: file.path, line: file.lineOf(node.start), convention })

  if (file.lines > mostLines) note(file.program, "length")
  if (
    posix
      .dirname(file.path)
      .split("/")
      .some((folder) => vagueFolders.has(folder))
  )
    note(file.program, "folder")
  const statements = file.program.body
  const forwards = statements.filter((statement) => statement.type.startsWith("Export") && hasSource(statement))
  if (!entries.has(file.path) && statements.length > 0 && forwards.length === statements.length) {
    note(file.program, "barrel")
  }

  new Visitor({
    ImportDeclaration: (node) => {
      if (/^(node:)?timers(\/promises)?$/.test(node.source.value)) note(node, "timer")
      if (/^(node:)?process$/.test(node.source.value)) note(node, "process.env")
    },
    MemberExpression: (node) => {
      const name = `${nameOf(node.object)}.${nameOf(node.property)}`.replace(/^globalThis\./, "")
      if (name === "process.env" || name === "Date.now" || name === "Math.random") note(node, name)
      if (name.startsWith("console.")) note(node, "console")
      if (/\.currentTimeNanos(Unsafe)?$/.test(name)) note(node, "currentTimeNanos")
      if (node.object.type === "Identifier" && node.object.name === "globalThis") {
        if (name === "fetch" || name === "console") note(node, name)
        if (timers.has(name)) note(node, "timer")
      }
    },
    CallExpression: ({ callee, start }) => {
      if (callee.type !== "Identifier") return
      if (callee.name === "fetch") note({ start }, "fetch")
      if (timers.has(callee.name)) note({ start }, "timer")
    },
    NewExpression: (node) => {
      if (node.callee.type !== "Identifier") return
      if (node.callee.name === "Promise") note(node, "new Promise")
      if (node.callee.name === "Date" && node.arguments.length === 0) note(node, "Date.now")
    },
    TryStatement: (node) => note(node, "try"),
    FunctionDeclaration: (node) => node.async && note(node, "async"),
    FunctionExpression: (node) => node.async && note(node, "async"),
    ArrowFunctionExpression: (node) => node.async && note(node, "async"),
    TSAsExpression: (node) => isConst(node.typeAnnotation) || note(node, "cast"),
    TSTypeAssertion: (node) => isConst(node.typeAnnotation) || note(node, "cast"),
    TSAnyKeyword: (node) => note(node, "any"),
    TSNonNullExpression: (node) => note(node, "non-null"),
    AssignmentExpression: ({ left, right, start }) => {
      if (left.type === "MemberExpression" && functions.has(right.type)) note({ start }, "function on a property")
    }
  }).visit(file.program)
  return found
}

const hasSource = (statement: object) => "source" in statement && statement.source !== null

const nameOf = (node: { readonly type: string }): string => {
  if ("name" in node && typeof node.name === "string") return node.name
  if ("value" in node && typeof node.value === "string") return node.value
  return "object" in node && "property" in node && isNode(node.object) && isNode(node.property)
    ? `${nameOf(node.object)}.${nameOf(node.property)}`
    : ""
}

const isNode = (value: unknown): value is { readonly type: string } =>
  typeof value === "object" && value !== null && "type" in value

const isConst = (type: { readonly type: string }): boolean =>
  "typeName" in type && isNode(type.typeName) && nameOf(type.typeName) === "const"
