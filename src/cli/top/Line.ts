import { styleText } from "node:util"

/** A piece of a line, of one colour. */
export interface Piece {
  readonly text: string
  readonly tone?: Tone | undefined
}

export type Tone = "good" | "warn" | "bad" | "faint" | "strong"
export type Line = ReadonlyArray<Piece>

/** What a gateway names is its own text: none of it acts on the terminal or breaks the line. */
export const piece = (text: string, tone?: Tone): Piece => ({ text: text.replace(/\p{Cc}/gu, "�"), tone })

export const widthOf = (line: Line): number => line.reduce((width, { text }) => width + [...text].length, 0)

/** Cut, with a sign of it, where it is wider than so many columns. */
export const clip = (line: Line, columns: number): Line => {
  if (widthOf(line) <= columns) return line
  const kept: Array<Piece> = []
  let left = columns - 1
  for (const { text, tone } of line) {
    const characters = [...text].slice(0, Math.max(0, left))
    left -= characters.length
    kept.push({ text: characters.join(""), tone })
  }
  return columns < 1 ? [] : [...kept, { text: "…" }]
}

export const plain = (line: Line): string =>
  line
    .map(({ text }) => text)
    .join("")
    .trimEnd()

/** With the colours that the terminal has. */
export const coloured = (line: Line): string =>
  line.map(({ text, tone }) => (tone === undefined || text === "" ? text : styleText(styles[tone], text))).join("")

const styles = {
  good: "green",
  warn: "yellow",
  bad: "red",
  faint: "gray",
  strong: "bold"
} as const satisfies Record<Tone, string>
