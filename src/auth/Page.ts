import { Effect } from "effect"
import { ValidationError } from "../domain/Errors.ts"

/** A part of a list, newest first. */
export interface Page<A> {
  readonly data: ReadonlyArray<A>
  /** What to ask for the next part with; undefined at the end. */
  readonly nextCursor: string | undefined
}

export interface PageRequest {
  /** 1 to 100; 20 where it is not said. */
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

const mostRows = 100

/**
 * The request as the query needs it: one row more than asked tells whether there is a next part. A cursor is the id of the last
 * row that was seen; ids sort by age.
 */
export const readPageRequest = Effect.fnUntraced(function* ({ limit = 20, cursor }: PageRequest) {
  if (!Number.isInteger(limit) || limit < 1 || limit > mostRows) {
    return yield* new ValidationError({
      reason: "invalid_request",
      param: "limit",
      message: `"limit" must be a whole number from 1 to ${mostRows}`
    })
  }
  if (cursor !== undefined && !/^[a-z]+_[0-9a-z]{26}$/.test(cursor)) {
    return yield* new ValidationError({
      reason: "invalid_request",
      param: "cursor",
      message: '"cursor" must be the "next_cursor" of an earlier answer'
    })
  }
  // "~" sorts behind every id.
  return { limit, rows: limit + 1, before: cursor ?? "~" }
})

export const makePage = <A extends { readonly id: string }>(rows: ReadonlyArray<A>, limit: number): Page<A> => {
  const data = rows.slice(0, limit)
  return { data, nextCursor: rows.length > limit ? data.at(-1)?.id : undefined }
}
