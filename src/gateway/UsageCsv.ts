import { Effect, Option, Stream } from "effect"
import { HttpServerResponse } from "effect/http"

export type Cell = string | number | boolean | null

/** Some rows of a table, and how the ones behind them are asked for. */
export interface TablePart<E> {
  readonly rows: ReadonlyArray<ReadonlyArray<Cell>>
  readonly next: Effect.Effect<TablePart<E>, E> | undefined
}

/**
 * A table as CSV (RFC 4180), of any length: its parts are asked for as the client reads. Where one fails the connection is broken
 * off, so that nobody takes a part of the table for all of it.
 */
export const csvResponse = <E>(
  columns: ReadonlyArray<string>,
  first: TablePart<E>
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(
    Stream.paginate(Effect.succeed(first), (part: Effect.Effect<TablePart<E>, E>) =>
      Effect.map(part, ({ next, rows }) => [[csvLines(rows)], Option.fromUndefinedOr(next)] as const)
    ).pipe((rows) => Stream.concat(Stream.make(csvLines([columns])), rows), Stream.encodeText),
    {
      contentType: "text/csv; charset=utf-8",
      headers: { "content-disposition": 'attachment; filename="usage.csv"', "cache-control": "no-store" }
    }
  )

export const csvLines = (rows: ReadonlyArray<ReadonlyArray<Cell>>): string =>
  rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("")

const csvCell = (cell: Cell): string => {
  if (cell === null) return ""
  if (typeof cell !== "string") return String(cell)
  // A spreadsheet would run as a formula what a caller gave for a model's name (OWASP, "CSV Injection").
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
