import { Option, Schema } from "effect"
import type { Scope } from "../domain/Principal.ts"
import { type AuthMethod, authMethods } from "./Client.ts"
import { nameFault, redirectUrisFault } from "./ClientRules.ts"
import { type OAuthError, oauthError } from "./OAuthError.ts"
import { hostOf } from "./RedirectUri.ts"
import { defaultScopes, isScope } from "./Scopes.ts"

/** What a client says of itself when it registers (RFC 7591, section 2), as far as it is acted on. */
export interface ClientMetadata {
  readonly name: string
  readonly redirectUris: ReadonlyArray<string>
  /** The one that was asked for; where none was, whatever a client with a secret may use. */
  readonly authMethods: ReadonlyArray<AuthMethod>
  readonly scopes: ReadonlyArray<Scope>
}

/** Other fields are passed over, addresses of pictures and pages above all: nobody's browser or server of ours is sent there. */
const Wire = Schema.Struct({
  redirect_uris: Schema.Array(Schema.String),
  client_name: Schema.optionalKey(Schema.String),
  token_endpoint_auth_method: Schema.optionalKey(Schema.String),
  grant_types: Schema.optionalKey(Schema.Array(Schema.String)),
  response_types: Schema.optionalKey(Schema.Array(Schema.String)),
  scope: Schema.optionalKey(Schema.String)
})

const decode = Schema.decodeUnknownOption(Wire)
const hasRedirectUris = Schema.is(Schema.Struct({ redirect_uris: Schema.Array(Schema.String) }))

export const readMetadata = (sent: unknown): ClientMetadata | OAuthError => {
  if (!hasRedirectUris(sent)) return oauthError("invalid_redirect_uri", "redirect_uris must be a list of URIs")
  const decoded = decode(sent)
  if (Option.isNone(decoded)) return invalid("A field has another type than RFC 7591 gives it")
  const wire = decoded.value
  const uriFault = redirectUrisFault(wire.redirect_uris)
  if (uriFault !== undefined) return oauthError("invalid_redirect_uri", `redirect_uris ${uriFault}`)
  const asked = wire.token_endpoint_auth_method
  const methods = asked === undefined ? withSecret : authMethods.filter((method) => method === asked)
  if (methods.length === 0) return invalid("token_endpoint_auth_method is not supported")
  // What is asked for beyond these, refresh_token for one, is left out, and the answer says so.
  if (!(wire.grant_types ?? ["authorization_code"]).includes("authorization_code")) {
    return invalid("grant_types must have authorization_code")
  }
  if (!(wire.response_types ?? ["code"]).includes("code")) return invalid("response_types must have code")
  const name = wire.client_name ?? hostOf(wire.redirect_uris[0] ?? "")
  const wrongName = nameFault(name)
  if (wrongName !== undefined) return invalid(`client_name ${wrongName}`)
  const scopes = wire.scope === undefined ? defaultScopes : [...new Set(wire.scope.split(" ").filter(isScope))]
  if (scopes.length === 0) return invalid("scope names nothing that there is")
  return { name, redirectUris: wire.redirect_uris, authMethods: methods, scopes }
}

/** `client_secret_basic` is what RFC 7591 means where nothing is said; not every client that says nothing keeps to it. */
const withSecret = authMethods.filter((method) => method !== "none")

const invalid = (description: string) => oauthError("invalid_client_metadata", description)
