import { Console, Effect, Schema } from "effect"

/** What the gateway sent, as it was on the wire. */
export const printJson = <A>(schema: Schema.Codec<A, unknown>, value: A) =>
  Effect.flatMap(Effect.orDie(Schema.encodeEffect(schema)(value)), (body) => Console.log(JSON.stringify(body, null, 2)))

type Fields = Readonly<Record<string, string>>

/** One line an item, under a line of headings. */
export const printTable = (rows: ReadonlyArray<Fields>, whenEmpty: string) => {
  const [first] = rows
  if (first === undefined) return Console.error(whenEmpty)
  const headings = Object.keys(first)
  const lines = [headings.map((heading) => heading.toUpperCase()), ...rows.map((row) => Object.values(row))]
  const widths = headings.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)))
  return Console.log(
    lines
      .map((cells) =>
        cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()
      )
      .join("\n")
  )
}

/** One line a field. */
export const printFields = (fields: Fields) => {
  const width = Math.max(...Object.keys(fields).map((name) => name.length))
  return Console.log(
    Object.entries(fields)
      .map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd())
      .join("\n")
  )
}

/** That a list goes on; beside the list, which may be read by a program. */
export const printMore = (cursor: string | null) =>
  cursor === null ? Effect.void : Console.error(`There are more: --cursor ${cursor}`)

/** Of Unix milliseconds. */
export const time = (millis: number | null): string =>
  millis === null ? "-" : new Date(millis).toISOString().replace(/\.\d+Z$/, "Z")
