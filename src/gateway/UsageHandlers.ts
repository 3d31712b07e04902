import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Ledger } from "../ledger/Ledger.ts"
import { UsageReports } from "../ledger/UsageReports.ts"
import { Api } from "./Api.ts"
import { CallBody, callBody, groupBody, groupColumns, sumBody } from "./UsageBody.ts"
import { type Cell, csvResponse, type TablePart } from "./UsageCsv.ts"
import { callParts, groupParts, type PartOf } from "./UsageLists.ts"

export const UsageHandlers = HttpApiBuilder.group(
  Api,
  "usage",
  Effect.fn(function* (handlers) {
    const ledger = yield* Ledger
    const reports = yield* UsageReports

    return handlers.handleAll({
      listUsage: Effect.fn(function* ({ query }) {
        const { cursor, format, group_by: by, key_id: keyId, limit, user_id: userId, ...rest } = query
        const filter = { ...rest, keyId, userId }
        // Whoever asks right after a call finds it. A backlog takes its time, and is not waited for.
        yield* Effect.timeoutOption(ledger.flush, "1 second")

        const calls = callParts(reports, filter)
        const groups = by === undefined ? undefined : groupParts(reports, filter, by)
        if (format === "csv") {
          const columns = by === undefined ? Object.keys(CallBody.fields) : groupColumns(by)
          const parts =
            by === undefined || groups === undefined
              ? tableOf(calls, (call) => cells(columns, { ...callBody(call), created_at: iso(call.createdAt) }))
              : tableOf(groups, (group) => cells(columns, groupBody(by)(group)))
          return csvResponse(columns, yield* parts(limit ?? Number.POSITIVE_INFINITY, cursor))
        }
        const page =
          by === undefined || groups === undefined
            ? pageOf(yield* calls(limit ?? usualRows, cursor), callBody)
            : pageOf(yield* groups(limit ?? usualRows, cursor), groupBody(by))
        return { ...page, totals: sumBody(yield* reports.total(filter)) }
      })
    })
  })
)

const usualRows = 100
const csvRows = 1000

const pageOf = <A, B>(
  { data, next }: { readonly data: ReadonlyArray<A>; readonly next: string | undefined },
  body: (row: A) => B
) => ({ data: data.map(body), next_cursor: next ?? null })

type Failure<A> = Effect.Error<ReturnType<PartOf<A>>>

const tableOf = <A>(parts: PartOf<A>, row: (item: A) => ReadonlyArray<Cell>) => {
  const from = (left: number, cursor: string | undefined): Effect.Effect<TablePart<Failure<A>>, Failure<A>> =>
    Effect.map(parts(Math.min(left, csvRows), cursor), ({ data, next }) => ({
      rows: data.map(row),
      next: next === undefined || data.length >= left ? undefined : Effect.suspend(() => from(left - data.length, next))
    }))
  return from
}

/** What is no plain value stands in its cell as JSON. */
const cells = (columns: ReadonlyArray<string>, row: Readonly<Record<string, unknown>>): ReadonlyArray<Cell> =>
  columns.map((column) => {
    const value = row[column] ?? null
    return value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? value
      : JSON.stringify(value)
  })

const iso = (millis: number): string => new Date(millis).toISOString()
