import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema } from "effect/http-api"
import { scopes } from "../domain/Principal.ts"
import { Timestamp } from "./AdminApi.ts"
import { AdminAuthorization } from "./AdminAuthorization.ts"
import { page, pageQuery, params, strictly, summary } from "./ManagedRecords.ts"

const Scopes = Schema.Array(Schema.Literals(scopes))

const ClientFields = {
  client_id: Schema.String,
  name: Schema.String,
  redirect_uris: Schema.Array(Schema.String),
  /** Whether it has a secret. */
  confidential: Schema.Boolean,
  scopes: Scopes,
  /** Whether it has registered itself (RFC 7591). */
  dynamic: Schema.Boolean,
  created_at: Timestamp,
  last_used_at: Schema.NullOr(Timestamp)
}

export const ClientBody = Schema.Struct(ClientFields).annotate({ identifier: "Client" })

export const CreatedClient = Schema.Struct({
  ...ClientFields,
  client_secret: Schema.optionalKey(Schema.RedactedFromValue(Schema.String))
}).annotate({
  identifier: "CreatedClient",
  description: "`client_secret` is in this answer and nowhere else; a client that is not confidential has none."
})

const NewClient = Schema.Struct({
  name: Schema.String,
  redirect_uris: Schema.Array(Schema.String),
  confidential: Schema.optionalKey(Schema.Boolean),
  scopes: Schema.optionalKey(Scopes)
}).annotate({ identifier: "NewClient" })

const ClientChanges = Schema.Struct({
  name: Schema.optionalKey(Schema.String),
  redirect_uris: Schema.optionalKey(Schema.Array(Schema.String)),
  scopes: Schema.optionalKey(Scopes)
}).annotate({ identifier: "ClientChanges", description: "What is not named stays." })

/** Bodies whose fields are counted, by their names in the OpenAPI document. */
export const closedClientBodies: ReadonlyArray<string> = ["NewClient", "ClientChanges"]

export const ClientPage = page(ClientBody)

/** OAuth clients, for whoever runs the gateway. */
export class ClientsApi extends HttpApiGroup.make("clients")
  .add(
    HttpApiEndpoint.get("listClients", "/clients", { query: pageQuery, success: ClientPage }).annotateMerge(
      summary("List the OAuth clients, newest first")
    ),
    HttpApiEndpoint.post("createClient", "/clients", {
      payload: NewClient,
      success: CreatedClient.pipe(HttpApiSchema.status(201))
    }).annotateMerge(summary("Create an OAuth client")),
    HttpApiEndpoint.get("getClient", "/clients/:id", { params, success: ClientBody }).annotateMerge(
      summary("Retrieve an OAuth client")
    ),
    HttpApiEndpoint.patch("updateClient", "/clients/:id", {
      params,
      payload: ClientChanges,
      success: ClientBody
    }).annotateMerge(summary("Change an OAuth client")),
    HttpApiEndpoint.delete("deleteClient", "/clients/:id", { params, success: HttpApiSchema.NoContent }).annotateMerge(
      summary("Delete an OAuth client and revoke its tokens")
    )
  )
  .prefix("/admin/v1")
  .middleware(AdminAuthorization)
  .annotateMerge(strictly) {}
