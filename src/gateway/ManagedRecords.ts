import { Context, Schema } from "effect"
import { HttpApi, OpenApi } from "effect/http-api"

/** What users, keys and OAuth clients have in common as they are listed, made and changed over HTTP. */

export const page = <S extends Schema.Constraint>(item: S) =>
  Schema.Struct({ data: Schema.Array(item), next_cursor: Schema.NullOr(Schema.String) })

export const pageQuery = {
  limit: Schema.optionalKey(Schema.FiniteFromString),
  cursor: Schema.optionalKey(Schema.String)
}

export const params = { id: Schema.String }

export const summary = (text: string) => OpenApi.annotations({ summary: text })

const strict = { onExcessProperty: "error" } as const

/** A mistyped bound would make a key of fewer bounds than was meant, a mistyped filter would tell of all: none is ignored. */
export const strictly = Context.make(HttpApi.PayloadParseOptions, strict).pipe(
  Context.add(HttpApi.QueryParseOptions, strict)
)
