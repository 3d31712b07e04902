import { Schema, SchemaTransformation, Struct } from "effect"
import { HttpApiSchema } from "effect/http-api"
import { Attempt } from "../domain/Attempt.ts"
import {
  AuthError,
  authReasons,
  InternalError,
  internalReasons,
  ProviderError,
  providerReasons,
  RateLimitError,
  rateLimitReasons,
  ValidationError,
  validationReasons
} from "../domain/Errors.ts"
import { authStatus, internalStatus, providerStatus, validationStatus } from "./ErrorResponse.ts"

/**
 * The five errors as the OpenAPI document and the typed client know them: one schema a status, each with the closed list of
 * its reasons. A client gets back the error that was raised, but for what stays in the log. The server answers through `ErrorResponse.ts`, which knows the
 * headers too, so the way from an error to the wire is there and only the way back is here.
 */
const envelope = <const Code extends string, Reason extends string>(
  identifier: string,
  code: Code,
  reasons: ReadonlyArray<Reason>
) =>
  Schema.Struct({
    error: Schema.Struct({
      code: Schema.Literal(code),
      type: Schema.String,
      message: Schema.String,
      param: Schema.NullOr(Schema.String),
      details: Schema.Struct({
        reason: Schema.Literals(reasons),
        request_id: Schema.String,
        trace_id: Schema.optionalKey(Schema.String),
        scope: Schema.optionalKey(Schema.String),
        limit: Schema.optionalKey(Schema.Int),
        remaining: Schema.optionalKey(Schema.Int),
        retry_after: Schema.optionalKey(Schema.Int),
        provider: Schema.optionalKey(Schema.String),
        upstream_status: Schema.optionalKey(Schema.Int),
        upstream_message: Schema.optionalKey(Schema.String),
        timer: ProviderError.fields.timer,
        attempts: Schema.optionalKey(Schema.Array(Attempt))
      })
    })
  }).annotate({ identifier })

type Envelope<Code extends string, Reason extends string> = ReturnType<typeof envelope<Code, Reason>>["Type"]

const told = <const Code extends string, Reason extends string>(
  code: Code,
  reason: Reason,
  message: string
): Envelope<Code, Reason> => ({
  error: { code, type: "", message, param: null, details: { reason, request_id: "" } }
})

const auth = (status: 401 | 403) =>
  envelope(
    `AuthError${status}`,
    "auth_error",
    authReasons.filter((reason) => authStatus(reason) === status)
  ).pipe(
    Schema.decodeTo(
      Schema.toType(AuthError),
      SchemaTransformation.transform({
        decode: ({ error: { details, message } }) =>
          new AuthError({ message, ...Struct.pick(details, ["reason", "scope"]) }),
        encode: (error: AuthError) => told("auth_error", error.reason, error.message)
      })
    ),
    HttpApiSchema.status(status)
  )

const validation = (status: ReturnType<typeof validationStatus>) =>
  envelope(
    `ValidationError${status}`,
    "validation_error",
    validationReasons.filter((reason) => validationStatus(reason) === status)
  ).pipe(
    Schema.decodeTo(
      Schema.toType(ValidationError),
      SchemaTransformation.transform({
        decode: ({ error: { details, message, param } }) =>
          new ValidationError({
            message,
            ...Struct.pick(details, ["reason", "provider"]),
            ...(param === null ? {} : { param })
          }),
        encode: (error: ValidationError) => told("validation_error", error.reason, error.message)
      })
    ),
    HttpApiSchema.status(status)
  )

const rateLimit = envelope("RateLimitError429", "rate_limit_error", rateLimitReasons).pipe(
  Schema.decodeTo(
    Schema.toType(RateLimitError),
    SchemaTransformation.transform({
      decode: ({ error: { details, message } }) =>
        new RateLimitError({
          message,
          retryAfterMillis: (details.retry_after ?? 1) * 1000,
          ...Struct.pick(details, ["reason", "limit", "remaining", "provider"])
        }),
      encode: (error: RateLimitError) => told("rate_limit_error", error.reason, error.message)
    })
  ),
  HttpApiSchema.status(429)
)

const provider = (status: ReturnType<typeof providerStatus>) =>
  envelope(
    `ProviderError${status}`,
    "provider_error",
    providerReasons.filter((reason) => providerStatus(reason) === status)
  ).pipe(
    Schema.decodeTo(
      Schema.toType(ProviderError),
      SchemaTransformation.transform({
        decode: ({ error: { details, message } }) =>
          new ProviderError({
            message,
            provider: details.provider ?? "unknown",
            ...(details.upstream_status === undefined ? {} : { upstreamStatus: details.upstream_status }),
            ...(details.upstream_message === undefined ? {} : { upstreamMessage: details.upstream_message }),
            ...retryAfter(details),
            ...Struct.pick(details, ["reason", "timer", "attempts"])
          }),
        encode: (error: ProviderError) => told("provider_error", error.reason, error.message)
      })
    ),
    HttpApiSchema.status(status)
  )

const internal = (status: ReturnType<typeof internalStatus>) =>
  envelope(
    `InternalError${status}`,
    "internal_error",
    internalReasons.filter((reason) => internalStatus(reason) === status)
  ).pipe(
    Schema.decodeTo(
      Schema.toType(InternalError),
      SchemaTransformation.transform({
        decode: ({ error: { details, message } }) =>
          new InternalError({ message, reason: details.reason, ...retryAfter(details) }),
        encode: (error: InternalError) => told("internal_error", error.reason, error.message)
      })
    ),
    HttpApiSchema.status(status)
  )

const retryAfter = ({ retry_after }: { readonly retry_after?: number }) =>
  retry_after === undefined ? {} : { retryAfterMillis: retry_after * 1000 }

/** What any endpoint may answer beside its success. */
export const requestErrors = [
  validation(400),
  validation(404),
  validation(405),
  validation(408),
  validation(413),
  validation(415),
  validation(431),
  internal(500),
  internal(503)
] as const

/** Where the caller must be known. */
export const authErrors = [auth(401), auth(403)] as const

/** Where a model is called. */
export const inferenceErrors = [rateLimit, provider(502), provider(503), provider(504)] as const
