import { Schema } from "effect"
import type { Scope } from "../domain/Principal.ts"
import type { Client } from "./Client.ts"
import { oauthErrors } from "./OAuthError.ts"

/** What a client asks a user for, found to be in order (RFC 6749, section 4.1.1). */
export interface AuthorizationRequest {
  readonly client: Client
  /** As it was sent: of a loopback client with the port it listens on. */
  readonly redirectUri: string
  /** As it was sent, still encoded. */
  readonly state: string | undefined
  readonly codeChallenge: string
  readonly scopes: ReadonlyArray<Scope>
  readonly resources: ReadonlyArray<string>
  /** What the client wants the user to be asked (OpenID Connect Core, section 3.1.2.1). */
  readonly prompt: "none" | "login" | "consent" | undefined
}

/** Nobody knows where the browser could be sent safely, so its user is told. */
export class RefusedOnPage extends Schema.TaggedError<RefusedOnPage>()("RefusedOnPage", {
  reason: Schema.Literals(["unknown_client", "redirect_uri_missing", "redirect_uri_unknown", "repeated_parameter"])
}) {}

/** Told to the client, by way of the browser (RFC 6749, section 4.1.2.1). */
export class RefusedToClient extends Schema.TaggedError<RefusedToClient>()("RefusedToClient", {
  redirectUri: Schema.String,
  state: Schema.UndefinedOr(Schema.String),
  error: Schema.Literals(oauthErrors),
  description: Schema.String
}) {}
