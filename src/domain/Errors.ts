import { Schema } from "effect"
import { Attempt } from "./Attempt.ts"
import { Usage } from "./Usage.ts"

/**
 * The five errors of XRouter (CONTRACT, "Errors"). Each has a closed list of reasons; none knows HTTP: `gateway/ErrorResponse.ts`
 * holds the one translation. `message` is public text. Causes travel in `cause` and end in the log.
 */

export const authReasons = [
  "missing_credentials",
  "invalid_api_key",
  "key_expired",
  "key_revoked",
  "invalid_token",
  "token_expired",
  "token_revoked",
  "insufficient_scope",
  "model_not_allowed",
  "ip_not_allowed"
] as const

export class AuthError extends Schema.TaggedError<AuthError>()("AuthError", {
  reason: Schema.Literals(authReasons),
  message: Schema.String,
  /** The scope that was wanting, with `insufficient_scope`. */
  scope: Schema.optionalKey(Schema.String)
}) {
  readonly code = "auth_error" as const
}

export const validationReasons = [
  "invalid_request",
  "invalid_json",
  "invalid_body",
  "unsupported_parameter",
  "context_length_exceeded",
  "provider_rejected_request",
  "already_exists",
  "model_not_found",
  "not_found",
  "method_not_allowed",
  "request_timeout",
  "body_too_large",
  "unsupported_media_type",
  "headers_too_large"
] as const

export class ValidationError extends Schema.TaggedError<ValidationError>()("ValidationError", {
  reason: Schema.Literals(validationReasons),
  message: Schema.String,
  /** Path of the offending field, `messages[0].content`. */
  param: Schema.optionalKey(Schema.String),
  /** The methods that the route has, with `method_not_allowed`. */
  allow: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Set where a provider refused a request of the caller's own making. */
  provider: Schema.optionalKey(Schema.String)
}) {
  readonly code = "validation_error" as const
}

export const rateLimitReasons = [
  "requests_per_minute",
  "requests_per_day",
  "tokens_per_minute",
  "tokens_per_day",
  "concurrency",
  "budget",
  "provider_rate_limit"
] as const
export type RateLimitReason = (typeof rateLimitReasons)[number]

export class RateLimitError extends Schema.TaggedError<RateLimitError>()("RateLimitError", {
  reason: Schema.Literals(rateLimitReasons),
  message: Schema.String,
  limit: Schema.optionalKey(Schema.Int),
  remaining: Schema.optionalKey(Schema.Int),
  /** After that many milliseconds the same request may be admitted. */
  retryAfterMillis: Schema.Finite,
  provider: Schema.optionalKey(Schema.String),
  /** What was tried before this answer was given, where it is a provider's limit; set by the router. */
  attempts: Schema.optionalKey(Schema.Array(Attempt))
}) {
  readonly code = "rate_limit_error" as const

  /** True of a provider's own limit, which may pass; the caller's is the caller's to wait out. */
  get isRetryable(): boolean {
    return this.reason === "provider_rate_limit"
  }
}

export const providerReasons = [
  "provider_rejected_credentials",
  "provider_failed",
  "provider_invalid_answer",
  "provider_tls",
  "provider_unavailable",
  "circuit_open",
  "provider_timeout"
] as const
export type ProviderReason = (typeof providerReasons)[number]

export class ProviderError extends Schema.TaggedError<ProviderError>()("ProviderError", {
  reason: Schema.Literals(providerReasons),
  message: Schema.String,
  provider: Schema.String,
  upstreamStatus: Schema.optionalKey(Schema.Int),
  /** What the upstream said, masked of keys, folder ids and hosts, and cut to a readable length. */
  upstreamMessage: Schema.optionalKey(Schema.String),
  /** Which of the four timers ran out, with `provider_timeout`. */
  timer: Schema.optionalKey(Schema.Literals(["connect", "first_token", "idle", "total"])),
  /** The upstream's own wish, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite),
  /** What was tried before this answer was given, this failure included; set by the router. */
  attempts: Schema.optionalKey(Schema.Array(Attempt)),
  /** What was used all the same, and is paid for: of whole answers that did not fit. For the ledger and the limits, not for the caller. */
  usage: Schema.optionalKey(Usage),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  readonly code = "provider_error" as const

  /** True where the same request may succeed at another time or place. */
  get isRetryable(): boolean {
    switch (this.reason) {
      case "provider_rejected_credentials":
      case "provider_tls":
        return false
      case "provider_failed":
        return this.upstreamStatus === undefined || this.upstreamStatus >= 500 || this.upstreamStatus === 408
      default:
        return true
    }
  }
}

export const internalReasons = ["unexpected", "database_unavailable", "limiter_unavailable", "draining"] as const

export class InternalError extends Schema.TaggedError<InternalError>()("InternalError", {
  reason: Schema.Literals(internalReasons),
  message: Schema.String,
  retryAfterMillis: Schema.optionalKey(Schema.Finite),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  readonly code = "internal_error" as const

  static readonly databaseUnavailable = (cause: unknown) =>
    new InternalError({
      reason: "database_unavailable",
      message: "The database cannot be reached; the request was not processed",
      retryAfterMillis: 1000,
      cause
    })
}

export type XRouterError = AuthError | ValidationError | RateLimitError | ProviderError | InternalError
export type ErrorCode = XRouterError["code"]

/** What a provider may fail with: its own failure, its own limit, or the caller's request refused. */
export type ProviderFailure = ProviderError | RateLimitError | ValidationError
