import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { callStatuses } from "../ledger/CallRecord.ts"
import { groupings } from "../ledger/UsageReports.ts"
import { AdminAuthorization } from "./AdminAuthorization.ts"
import { Timestamp } from "./AdminApi.ts"
import { CallBody, GroupBody, SumBody } from "./UsageBody.ts"

const page = <S extends Schema.Constraint>(item: S) =>
  Schema.Struct({ data: Schema.Array(item), totals: SumBody, next_cursor: Schema.NullOr(Schema.String) })

const UsagePage = Schema.Union([page(CallBody), page(GroupBody)]).annotate({ identifier: "UsagePage" })

const UsageCsv = Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/csv" })).annotate({
  description: "With `format=csv`: a line for each call or group, the names of the columns first"
})

const mostRows = 1000

const rowLimit = Schema.FiniteFromString.check(
  Schema.isInt(),
  Schema.isBetween({ minimum: 1, maximum: mostRows })
).annotate({ message: `Expected a whole number from 1 to ${mostRows}` })

/** What a name or an id can be; no other text can be asked of the database. */
const Name = Schema.String.check(Schema.isPattern(/^[^\0]{1,256}$/)).annotate({ message: "Expected a name or an id" })

const usageQuery = {
  from: Schema.optionalKey(Timestamp),
  to: Schema.optionalKey(Timestamp),
  user_id: Schema.optionalKey(Name),
  key_id: Schema.optionalKey(Name),
  model: Schema.optionalKey(Name),
  provider: Schema.optionalKey(Name),
  status: Schema.optionalKey(Schema.Literals(callStatuses)),
  group_by: Schema.optionalKey(Schema.Literals(groupings)),
  limit: Schema.optionalKey(rowLimit),
  cursor: Schema.optionalKey(Schema.String),
  format: Schema.optionalKey(Schema.Literals(["json", "csv"]))
}

/** What all callers used, for whoever runs the gateway. */
export class UsageApi extends HttpApiGroup.make("usage")
  .add(
    HttpApiEndpoint.get("listUsage", "/usage", { query: usageQuery, success: [UsagePage, UsageCsv] }).annotateMerge(
      OpenApi.annotations({
        summary: "List the calls, newest first, or their sums by day, user, key, model or provider",
        description:
          "`from` is the first moment that counts, `to` the first that does not. `totals` are of all calls that the filters let through, whatever the page. CSV has all of them, unless `limit` says how many."
      })
    )
  )
  .prefix("/admin/v1")
  .middleware(AdminAuthorization)
  .annotate(HttpApi.QueryParseOptions, { onExcessProperty: "error" }) {}
