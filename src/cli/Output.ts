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

interface Page<Item> {
  readonly data: ReadonlyArray<Item>
  readonly next_cursor: string | null
}

/** A list as the gateway pages it. That it goes on is said beside it, since a program may read it. */
export const printPage = Effect.fnUntraced(function* <Item>(
  schema: Schema.Codec<Page<Item>, unknown>,
  page: Page<Item>,
  {
    json,
    rowOf,
    whenEmpty
  }: {
    readonly json: boolean
    readonly rowOf: (item: Item) => Fields
    readonly whenEmpty: string
  }
) {
  if (json) return yield* printJson(schema, page)
  yield* printTable(page.data.map(rowOf), whenEmpty)
  if (page.next_cursor !== null) yield* Console.error(`There are more: --cursor ${page.next_cursor}`)
})

/** Of Unix milliseconds. */
export const time = (millis: number | null): string =>
  millis === null ? "-" : new Date(millis).toISOString().replace(/\.\d+Z$/, "Z")
