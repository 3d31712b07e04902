/** `docs/performance.md` is written by hand but for the blocks between two marks, which a run replaces. */
import { readFileSync, writeFileSync } from "node:fs"
import { path } from "./paths.ts"

export type Block = "comparison" | "deaf" | "soak" | "dialects"

const file = path("../docs/performance.md")

export const writeBlock = (block: Block, text: string): void =>
  writeFileSync(file, withBlock(readFileSync(file, "utf8"), block, text))

export const withBlock = (page: string, block: Block, text: string): string => {
  const [begin, end] = [`<!-- measured: ${block} -->`, `<!-- end: ${block} -->`]
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from === -1 || to < from) throw new Error(`The page has no block "${block}" (${begin} … ${end})`)
  return `${page.slice(0, from + begin.length)}\n${text}\n${page.slice(to)}`
}
