import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"

export interface CodeBlock {
  readonly language: string
  readonly code: string
  readonly line: number
}

export interface Link {
  readonly target: string
  readonly line: number
}

/** What of a Markdown page can be checked. */
export interface Page {
  /** Relative to the checkout. */
  readonly path: string
  readonly text: string
  readonly blocks: ReadonlyArray<CodeBlock>
  readonly links: ReadonlyArray<Link>
  /** As links name them: `#rooms-and-ranks`. */
  readonly anchors: ReadonlySet<string>
  /** Paths of the checkout that the prose names in backticks. */
  readonly files: ReadonlyArray<Link>
}

const folders = ["src", "test", "docs", "ops", "scripts", "migrations", "examples", "bench", ".ci"]
const filePattern = new RegExp(`\`((?:${folders.join("|").replaceAll(".", "\\.")})/[\\w./-]*)\``, "g")

export const readPage = (root: string, path: string): Page => {
  const text = readFileSync(join(root, path), "utf8")
  const blocks: Array<CodeBlock> = []
  const prose: Array<string> = []
  let open: { readonly language: string; readonly line: number; readonly code: Array<string> } | undefined
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^\s*```(\w*)/.exec(line)
    if (open === undefined && fence !== null) {
      open = { language: fence[1] ?? "", line: index + 1, code: [] }
    } else if (open !== undefined && fence !== null) {
      blocks.push({ language: open.language, line: open.line, code: `${open.code.join("\n")}\n` })
      open = undefined
    } else if (open !== undefined) open.code.push(line)
    prose.push(open === undefined && fence === null ? line : "")
  }
  if (open !== undefined) throw new SyntaxError(`${path}:${open.line}: the code block is never closed`)
  return {
    path,
    text,
    blocks,
    links: matches(prose, /\]\(([^)\s]+)\)/g).concat(matches(prose, /\b(?:src|href)="([^"]+)"/g)),
    anchors: new Set(prose.flatMap((line) => (/^#+ /.test(line) ? [anchorOf(line.replace(/^#+ /, ""))] : []))),
    files: matches(prose, filePattern)
  }
}

const matches = (lines: ReadonlyArray<string>, pattern: RegExp): ReadonlyArray<Link> =>
  lines.flatMap((line, index) =>
    Array.from(line.matchAll(pattern), ([, target]) => ({ target: target ?? "", line: index + 1 }))
  )

/** As GitHub makes them. */
const anchorOf = (heading: string) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-")

const skipped = new Set(["node_modules", "dist", "coverage"])
/** Of the folders with a dot only these are the project's; the others are tools'. */
const dotted = new Set([".ci", ".github"])

/** Every file of the checkout, whether it is committed yet or not; relative to it. */
export const filesOf = (root: string, folder = root): ReadonlyArray<string> =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) return [relative(root, path)]
    return skipped.has(entry.name) || (entry.name.startsWith(".") && !dotted.has(entry.name)) ? [] : filesOf(root, path)
  })
