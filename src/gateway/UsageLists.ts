import { Effect } from "effect"
import { type InternalError, ValidationError } from "../domain/Errors.ts"
import type { CallRecord } from "../ledger/CallRecord.ts"
import {
  type Grouping,
  groupings,
  type UsageFilter,
  type UsageGroup,
  type UsageReports
} from "../ledger/UsageReports.ts"

/** A list in parts: so many rows from behind a cursor on, and the cursor behind them. */
export type PartOf<A> = (
  limit: number,
  cursor: string | undefined
) => Effect.Effect<
  { readonly data: ReadonlyArray<A>; readonly next: string | undefined },
  ValidationError | InternalError
>

export const callParts =
  (reports: UsageReports["Service"], filter: UsageFilter): PartOf<CallRecord> =>
  (limit, cursor) =>
    Effect.gen(function* () {
      const after = cursor === undefined ? undefined : yield* readCallCursor(cursor)
      return cut(yield* reports.calls(filter, { rows: limit + 1, after }), limit, callCursor)
    })

export const groupParts =
  (reports: UsageReports["Service"], filter: UsageFilter, by: Grouping): PartOf<UsageGroup> =>
  (limit, cursor) =>
    Effect.gen(function* () {
      const after = cursor === undefined ? undefined : yield* readGroupCursor(cursor, by)
      return cut(yield* reports.groups(filter, by, { rows: limit + 1, after }), limit, groupCursor(by))
    })

/** One row more than asked tells whether there is a next part. */
const cut = <A>(rows: ReadonlyArray<A>, limit: number, cursorOf: (row: A) => string) => {
  const last = rows[limit - 1]
  return { data: rows.slice(0, limit), next: rows.length > limit && last !== undefined ? cursorOf(last) : undefined }
}

const callCursor = ({ createdAt, requestId }: CallRecord) => toCursor(`call ${createdAt} ${requestId}`)

const groupCursor =
  (by: Grouping) =>
  ({ key }: UsageGroup) =>
    toCursor(`${by} ${key}`)

const toCursor = (text: string) => Buffer.from(text).toString("base64url")
const fromCursor = (cursor: string) => Buffer.from(cursor, "base64url").toString()

const readCallCursor = (cursor: string) => {
  const [, createdAt, requestId] = /^call (\d{1,15}) ([\w-]{1,128})$/.exec(fromCursor(cursor)) ?? []
  return requestId === undefined ? noCursor : Effect.succeed({ createdAt: Number(createdAt), requestId })
}

const readGroupCursor = (cursor: string, by: Grouping) => {
  const [, grouping, key] = /^(\w+) ([^\0]{1,256})$/.exec(fromCursor(cursor)) ?? []
  return key === undefined || !groupings.some((known) => known === grouping && known === by)
    ? noCursor
    : Effect.succeed(key)
}

const noCursor = Effect.fail(
  new ValidationError({
    reason: "invalid_request",
    param: "cursor",
    message: '"cursor" must be the "next_cursor" of an earlier answer to the same question'
  })
)
