import { HttpServerResponse } from "effect/http"
import type { AuthError, InternalError, ProviderError, ValidationError, XRouterError } from "../domain/Errors.ts"
import type { Json, JsonObject } from "../domain/Json.ts"

/**
 * The one translation of the five errors into HTTP (CONTRACT, "Errors"). JSON answers, frames of a stream, decode failures,
 * unknown routes and defects all pass here.
 */
export interface WireError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly error: JsonObject }
}

export interface WireOptions {
  readonly requestId: string
  /** Of the trace, where the request has one. */
  readonly traceId?: string | undefined
  /** Where a client learns how to get a token (RFC 9728). */
  readonly resourceMetadata: string
}

export const toWire = (error: XRouterError, options: WireOptions): WireError => ({
  status: statusOf(error),
  headers: headersOf(error, options),
  body: {
    error: {
      code: error.code,
      type: typeOf(error),
      message: error.message,
      param: error._tag === "ValidationError" ? (error.param ?? null) : null,
      details: {
        reason: error.reason,
        ...detailsOf(error),
        request_id: options.requestId,
        ...(options.traceId === undefined ? {} : { trace_id: options.traceId })
      }
    }
  }
})

export const errorResponse = (error: XRouterError, options: WireOptions): HttpServerResponse.HttpServerResponse => {
  const wire = toWire(error, options)
  return HttpServerResponse.text(JSON.stringify(wire.body), {
    status: wire.status,
    contentType: "application/json",
    headers: wire.headers
  })
}

/** Of an error that comes after the 200 of a stream was sent. */
export const errorFrame = (error: XRouterError, options: WireOptions): string =>
  `data: ${JSON.stringify(toWire(error, options).body)}\n\n`

export const statusOf = (error: XRouterError): number => {
  switch (error._tag) {
    case "AuthError":
      return authStatus(error.reason)
    case "ValidationError":
      return validationStatus(error.reason)
    case "RateLimitError":
      return 429
    case "ProviderError":
      return providerStatus(error.reason)
    case "InternalError":
      return internalStatus(error.reason)
  }
}

export const authStatus = (reason: AuthError["reason"]): 401 | 403 => {
  switch (reason) {
    case "insufficient_scope":
    case "model_not_allowed":
    case "ip_not_allowed":
      return 403
    default:
      return 401
  }
}

export const validationStatus = (reason: ValidationError["reason"]): 400 | 404 | 405 | 408 | 413 | 415 | 431 => {
  switch (reason) {
    case "model_not_found":
    case "not_found":
      return 404
    case "method_not_allowed":
      return 405
    case "request_timeout":
      return 408
    case "body_too_large":
      return 413
    case "unsupported_media_type":
      return 415
    case "headers_too_large":
      return 431
    default:
      return 400
  }
}

export const providerStatus = (reason: ProviderError["reason"]): 502 | 503 | 504 => {
  switch (reason) {
    case "provider_unavailable":
    case "circuit_open":
      return 503
    case "provider_timeout":
      return 504
    default:
      return 502
  }
}

export const internalStatus = (reason: InternalError["reason"]): 500 | 503 => (reason === "unexpected" ? 500 : 503)

/** What OpenAI's API says in `type` for the case. */
const typeOf = (error: XRouterError): string => {
  switch (error._tag) {
    case "AuthError":
    case "ValidationError":
      return "invalid_request_error"
    case "RateLimitError":
      return error.reason === "budget" ? "insufficient_quota" : "rate_limit_exceeded"
    case "ProviderError":
    case "InternalError":
      return "server_error"
  }
}

const detailsOf = (error: XRouterError): JsonObject => {
  switch (error._tag) {
    case "AuthError":
      return optional({ scope: error.scope })
    case "ValidationError":
      return optional({ provider: error.provider })
    case "RateLimitError":
      return optional({
        limit: error.limit,
        remaining: error.remaining,
        retry_after: seconds(error.retryAfterMillis),
        provider: error.provider
      })
    case "ProviderError":
      return optional({
        provider: error.provider,
        upstream_status: error.upstreamStatus,
        upstream_message: error.upstreamMessage,
        timer: error.timer,
        retry_after: error.retryAfterMillis === undefined ? undefined : seconds(error.retryAfterMillis),
        attempts: error.attempts
      })
    case "InternalError":
      return optional({
        retry_after: error.retryAfterMillis === undefined ? undefined : seconds(error.retryAfterMillis)
      })
  }
}

const optional = (fields: JsonObject): JsonObject => {
  const present: Record<string, Json> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) present[name] = value
  }
  return present
}

/** Whole seconds, rounded up; never 0, which clients take for "absent". */
const seconds = (millis: number): number => Math.max(1, Math.ceil(millis / 1000))

/** Past that a client should not sit and wait by itself. */
const longestPatience = 60_000

const retryAfterOf = (error: XRouterError): number | undefined => {
  switch (error._tag) {
    case "RateLimitError":
      return error.retryAfterMillis
    case "ProviderError":
      return statusOf(error) === 503 ? (error.retryAfterMillis ?? 1000) : undefined
    case "InternalError":
      return statusOf(error) === 503 ? (error.retryAfterMillis ?? 1000) : undefined
    default:
      return undefined
  }
}

const headersOf = (error: XRouterError, options: WireOptions): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {}
  const retryAfter = retryAfterOf(error)
  if (retryAfter !== undefined) {
    headers["retry-after"] = String(seconds(retryAfter))
    headers["retry-after-ms"] = String(Math.max(1, Math.ceil(retryAfter)))
    if (retryAfter > longestPatience) headers["x-should-retry"] = "false"
  }
  if (error._tag === "AuthError") {
    const challenge = challengeOf(error, options.resourceMetadata)
    if (challenge !== undefined) headers["www-authenticate"] = challenge
  }
  if (error._tag === "ValidationError") {
    if (error.reason === "invalid_request" && error.param === "authorization") {
      headers["www-authenticate"] = challenging("invalid_request", error, options.resourceMetadata)
    }
    if (error.allow !== undefined) headers["allow"] = error.allow.join(", ")
    if (error.reason === "body_too_large" || error.reason === "request_timeout") headers["connection"] = "close"
  }
  return headers
}

const realm = 'Bearer realm="xrouter"'

/** RFC 6750, section 3: without credentials no error is named. */
const challengeOf = (error: AuthError, metadata: string): string | undefined => {
  switch (error.reason) {
    case "missing_credentials":
      return `${realm}, resource_metadata="${metadata}"`
    case "insufficient_scope":
      return `${realm}, error="insufficient_scope", scope="${error.scope ?? ""}", resource_metadata="${metadata}"`
    default:
      return authStatus(error.reason) === 401 ? challenging("invalid_token", error, metadata) : undefined
  }
}

/** RFC 6750, section 3.1: credentials that do not hold, or that cannot be read. */
const challenging = (
  error: "invalid_token" | "invalid_request",
  { message }: AuthError | ValidationError,
  metadata: string
): string =>
  `${realm}, error="${error}", error_description="${message.replaceAll('"', "'")}", resource_metadata="${metadata}"`
