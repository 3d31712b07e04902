import { type Line, piece, type Piece, widthOf } from "./Line.ts"

const gap = 2

/** Items beside each other after a beginning, and below it where there is no room. */
export const flow = (start: Line, items: ReadonlyArray<Line>, columns: number): ReadonlyArray<Line> => {
  const indent = Math.min(widthOf(start), deepest)
  const lines: Array<Line> = []
  let line: Array<Piece> = [...start]
  for (const [index, item] of items.entries()) {
    if (index > 0 && widthOf(line) + gap + widthOf(item) > columns) {
      lines.push(line)
      line = [piece(" ".repeat(indent))]
    } else if (index > 0) {
      line.push(piece(" ".repeat(gap)))
    }
    line.push(...item)
  }
  return [...lines, line]
}

/** A long beginning leaves room for what stands below it. */
const deepest = 14

/** Under an empty line, as many of the columns from the left as there is room for; nothing where there are no rows. */
export const table = (
  headings: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<Piece>>,
  columns: number
): ReadonlyArray<Line> => {
  if (rows.length === 0) return []
  const lines = [headings.map((heading) => piece(heading, "faint")), ...rows]
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((cells) => widthOf(cells.slice(column, column + 1))))
  )
  let used = -gap
  const tooMany = widths.findIndex((width) => (used += width + gap) > columns)
  const shown = tooMany === -1 ? headings.length : Math.max(1, tooMany)
  return [
    [],
    ...lines.map((cells) =>
      cells.slice(0, shown).flatMap((cell, column) => {
        const isLast = column === shown - 1
        const padding = (widths[column] ?? 0) - widthOf([cell]) + gap
        return isLast ? [cell] : [cell, piece(" ".repeat(padding))]
      })
    )
  ]
}
