import { Result } from "effect"
import type { Json } from "../domain/Json.ts"

/** What an upstream sent, read as JSON; undefined where it is none. */
export const readJson = (text: string): Json | undefined => {
  const read = Result.try((): Json => JSON.parse(text))
  return Result.isSuccess(read) ? read.success : undefined
}

/** The elements of a list; of anything else, none. */
export const elements = (value: Json | undefined): ReadonlyArray<Json> => (Array.isArray(value) ? value : [])

/** A string that says something. */
export const filled = (value: Json | undefined): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

/** Null, and what is as good: a way of saying nothing. */
export const isNothing = (value: Json | undefined): boolean =>
  value === null ||
  value === undefined ||
  value === "" ||
  (typeof value === "object" && (Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0))
