import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { type ESTree, parseSync, Visitor } from "rolldown/utils"

/** One import of a module, however it is written. */
export interface Import {
  /** As written; undefined where it is computed and cannot be known. */
  readonly specifier: string | undefined
  readonly line: number
  /** `import type`, `export type` and types by `import("…")` are gone at run time. */
  readonly erased: boolean
}

export interface SourceFile {
  /** Relative to `src`, with `/`: `gateway/Server.ts`. */
  readonly path: string
  readonly lines: number
  readonly imports: ReadonlyArray<Import>
  readonly program: ESTree.Program
  readonly lineOf: (offset: number) => number
}

/** Paths relative to `src` over their text. */
export type Tree = ReadonlyMap<string, string>

export const readTree = (root: string): Tree =>
  new Map(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => join(entry.parentPath, entry.name))
      .toSorted()
      .map((file) => [file.slice(root.length + 1), readFileSync(file, "utf8")])
  )

export const parseTree = (tree: Tree): ReadonlyArray<SourceFile> =>
  Array.from(tree, ([path, text]) => parseFile(path, text))

const parseFile = (path: string, text: string): SourceFile => {
  const { errors, program } = parseSync(path, text, { lang: "ts", sourceType: "module" })
  const [error] = errors
  if (error !== undefined) throw new SyntaxError(`src/${path}: ${error.message}`)
  const lineOf = (offset: number) => text.slice(0, offset).split("\n").length
  return { path, lines: lineOf(text.trimEnd().length), imports: importsOf(program, lineOf), program, lineOf }
}

const literal = (node: { readonly type: string; readonly value?: unknown } | null | undefined) =>
  node?.type === "Literal" && typeof node.value === "string" ? node.value : undefined

const importsOf = (program: ESTree.Program, lineOf: SourceFile["lineOf"]): ReadonlyArray<Import> => {
  const imports: Array<Import> = []
  const add = (node: { readonly start: number }, source: Parameters<typeof literal>[0], erased = false) =>
    imports.push({ specifier: literal(source), line: lineOf(node.start), erased })
  new Visitor({
    ImportDeclaration: (node) => add(node, node.source, node.importKind === "type"),
    ExportAllDeclaration: (node) => add(node, node.source, node.exportKind === "type"),
    ExportNamedDeclaration: (node) => node.source && add(node, node.source, node.exportKind === "type"),
    ImportExpression: (node) => add(node, node.source),
    TSImportType: (node) => add(node, node.source, true),
    TSExternalModuleReference: (node) => add(node, node.expression),
    CallExpression: (node) =>
      node.callee.type === "Identifier" && node.callee.name === "require" && add(node, node.arguments[0])
  }).visit(program)
  return imports
}
