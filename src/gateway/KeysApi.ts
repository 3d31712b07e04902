import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { CreatedKey, KeyBody, KeyPage, Timestamp } from "./AdminApi.ts"
import { KeysAuthorization } from "./KeysAuthorization.ts"
import { pageQuery, params, strictly, summary } from "./ManagedRecords.ts"

/** What a user may set of a key: bounds that make it narrower, and not its tier and limits, which are the administrator's. */
const OwnKey = Schema.Struct({
  name: Schema.String,
  models: Schema.optionalKey(Schema.Array(Schema.String)),
  allowed_ips: Schema.optionalKey(Schema.Array(Schema.String)),
  expires_at: Schema.optionalKey(Timestamp)
}).annotate({ identifier: "OwnKey" })

const OwnKeyChanges = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  models: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  allowed_ips: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
  expires_at: Schema.optionalKey(Schema.NullOr(Timestamp))
}).annotate({ identifier: "OwnKeyChanges", description: "What is not named stays; null takes a bound away." })

/** Bodies whose fields are counted, by their names in the OpenAPI document. */
export const closedKeyBodies: ReadonlyArray<string> = ["OwnKey", "OwnKeyChanges"]

/** A user's own keys, for applications that the user has allowed to see to them. */
export class KeysApi extends HttpApiGroup.make("keys")
  .add(
    HttpApiEndpoint.get("listOwnKeys", "/v1/keys", { query: pageQuery, success: KeyPage }).annotateMerge(
      summary("List your keys, newest first")
    ),
    HttpApiEndpoint.post("createOwnKey", "/v1/keys", {
      payload: OwnKey,
      success: CreatedKey.pipe(HttpApiSchema.status(201))
    }).annotateMerge(summary("Create a key of yours")),
    HttpApiEndpoint.patch("updateOwnKey", "/v1/keys/:id", {
      params,
      payload: OwnKeyChanges,
      success: KeyBody
    }).annotateMerge(summary("Change a key of yours")),
    HttpApiEndpoint.delete("revokeOwnKey", "/v1/keys/:id", {
      params,
      success: HttpApiSchema.NoContent
    }).annotateMerge(summary("Revoke a key of yours at once"))
  )
  .middleware(KeysAuthorization)
  .annotateMerge(strictly) {}
