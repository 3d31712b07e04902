import { Schema, SchemaGetter } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { LimitSet } from "../domain/Principal.ts"
import { AdminAuthorization } from "./AdminAuthorization.ts"
import { page, pageQuery, params, strictly, summary } from "./ManagedRecords.ts"

const isoTime = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/
const expected = { message: "Expected an ISO 8601 time such as 2030-01-31T00:00:00Z" }

/** Unix milliseconds, on the wire ISO 8601; a day alone is its first moment in UTC. */
export const Timestamp = Schema.String.annotate({ format: "date-time" })
  .check(Schema.makeFilter((text) => isoTime.test(text) && !Number.isNaN(Date.parse(text)), expected))
  .pipe(
    Schema.decodeTo(Schema.Finite, {
      decode: SchemaGetter.transform((text) => Date.parse(text)),
      encode: SchemaGetter.transform((millis) => new Date(millis).toISOString())
    })
  )

const Limits = LimitSet.annotate({
  identifier: "Limits",
  description: "Requests and tokens per minute and per UTC day, requests at once. No limit where none is written."
})

const UserFields = { id: Schema.String, email: Schema.String, tier: Schema.String, created_at: Timestamp }

export const UserBody = Schema.Struct(UserFields).annotate({ identifier: "User" })

const NewUser = Schema.Struct({
  email: Schema.String,
  password: Schema.optionalKey(Schema.RedactedFromValue(Schema.String)),
  tier: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "NewUser" })

const UserChanges = Schema.Struct({
  email: Schema.optionalKey(Schema.String),
  password: Schema.optionalKey(Schema.NullOr(Schema.RedactedFromValue(Schema.String))),
  tier: Schema.optionalKey(Schema.String)
}).annotate({
  identifier: "UserChanges",
  description: "What is not named stays; a null password takes it away."
})

const KeyFields = {
  id: Schema.String,
  user_id: Schema.String,
  /** What may be shown of the key. */
  prefix: Schema.String,
  name: Schema.String,
  tier: Schema.String,
  limits: LimitSet,
  models: Schema.NullOr(Schema.Array(Schema.String)),
  allowed_ips: Schema.NullOr(Schema.Array(Schema.String)),
  created_at: Timestamp,
  expires_at: Schema.NullOr(Timestamp),
  last_used_at: Schema.NullOr(Timestamp)
}

export const KeyBody = Schema.Struct(KeyFields).annotate({ identifier: "Key" })

export const CreatedKey = Schema.Struct({ ...KeyFields, key: Schema.RedactedFromValue(Schema.String) }).annotate({
  identifier: "CreatedKey",
  description: "`key` is in this answer and nowhere else."
})

const NewKey = Schema.Struct({
  user_id: Schema.String,
  name: Schema.String,
  tier: Schema.optionalKey(Schema.String),
  limits: Schema.optionalKey(Limits),
  models: Schema.optionalKey(Schema.Array(Schema.String)),
  allowed_ips: Schema.optionalKey(Schema.Array(Schema.String)),
  expires_at: Schema.optionalKey(Timestamp)
}).annotate({ identifier: "NewKey" })

const KeyChanges = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  tier: Schema.optionalKey(Schema.NullOr(Schema.String)),
  limits: Schema.optionalKey(Schema.NullOr(Limits)),
  models: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  allowed_ips: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  expires_at: Schema.optionalKey(Schema.NullOr(Timestamp))
}).annotate({
  identifier: "KeyChanges",
  description: "What is not named stays; null takes a bound away. `limits` are replaced as a whole."
})

export const UserPage = page(UserBody)

export const KeyPage = page(KeyBody)

/** Bodies whose fields are counted, by their names in the OpenAPI document. */
export const closedBodies: ReadonlySet<string> = new Set(["NewUser", "UserChanges", "NewKey", "KeyChanges", "Limits"])

/** Users and their keys, for whoever runs the gateway. */
export class AdminApi extends HttpApiGroup.make("admin")
  .add(
    HttpApiEndpoint.get("listUsers", "/users", { query: pageQuery, success: UserPage }).annotateMerge(
      summary("List the users, newest first")
    ),
    HttpApiEndpoint.post("createUser", "/users", {
      payload: NewUser,
      success: UserBody.pipe(HttpApiSchema.status(201))
    }).annotateMerge(summary("Create a user")),
    HttpApiEndpoint.get("getUser", "/users/:id", { params, success: UserBody }).annotateMerge(
      summary("Retrieve a user")
    ),
    HttpApiEndpoint.patch("updateUser", "/users/:id", {
      params,
      payload: UserChanges,
      success: UserBody
    }).annotateMerge(summary("Change a user")),
    HttpApiEndpoint.delete("deleteUser", "/users/:id", { params, success: HttpApiSchema.NoContent }).annotateMerge(
      summary("Delete a user and revoke its keys")
    ),
    HttpApiEndpoint.get("listKeys", "/keys", {
      query: { ...pageQuery, user_id: Schema.optionalKey(Schema.String) },
      success: KeyPage
    }).annotateMerge(summary("List the keys, of all users or of one, newest first")),
    HttpApiEndpoint.post("createKey", "/keys", {
      payload: NewKey,
      success: CreatedKey.pipe(HttpApiSchema.status(201))
    }).annotateMerge(summary("Create a key")),
    HttpApiEndpoint.get("getKey", "/keys/:id", { params, success: KeyBody }).annotateMerge(summary("Retrieve a key")),
    HttpApiEndpoint.patch("updateKey", "/keys/:id", { params, payload: KeyChanges, success: KeyBody }).annotateMerge(
      summary("Change a key")
    ),
    HttpApiEndpoint.delete("revokeKey", "/keys/:id", { params, success: HttpApiSchema.NoContent }).annotateMerge(
      summary("Revoke a key at once")
    )
  )
  .prefix("/admin/v1")
  .middleware(AdminAuthorization)
  .annotateMerge(strictly) {}
