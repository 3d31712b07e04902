import { Schema } from "effect"

/** The errors that clients of an authorization server know, by the document that names them. */
export const oauthErrors = [
  // RFC 6749, sections 4.1.2.1 and 5.2
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "unsupported_response_type",
  "invalid_scope",
  "access_denied",
  "server_error",
  "temporarily_unavailable",
  // RFC 8707
  "invalid_target",
  // RFC 7009
  "unsupported_token_type",
  // RFC 7591
  "invalid_redirect_uri",
  "invalid_client_metadata",
  // RFC 6750, of a registration's own token
  "invalid_token",
  // OpenID Connect Core, section 3.1.2.6
  "login_required",
  "consent_required",
  "request_not_supported",
  "request_uri_not_supported",
  // RFC 8628; here for whoever fails too often
  "slow_down"
] as const

export type OAuthErrorCode = (typeof oauthErrors)[number]

/** What a client is told. `description` is public, ASCII without quotes and backslashes (RFC 6749, section 5.2). */
export class OAuthError extends Schema.TaggedError<OAuthError>()("OAuthError", {
  error: Schema.Literals(oauthErrors),
  description: Schema.String,
  /** With `slow_down`: after that many milliseconds it may be tried again. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {}

export const oauthError = (error: OAuthErrorCode, description: string): OAuthError =>
  new OAuthError({ error, description })

/** RFC 6749, sections 3.1 and 3.2. */
export const repeatedParameter = oauthError("invalid_request", "A parameter was sent more than once")
