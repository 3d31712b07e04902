import { Schema, SchemaTransformation } from "effect"
import { HttpApiSchema } from "effect/http-api"
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
 * its reasons. A client gets back the error that was raised. The server answers through `ErrorResponse.ts`, which knows the
 * headers too, so the way from an error to the wire is there and only the way back is here.
 */
const envelope = <const Code extends string, Reason extends string>(code: Code, reasons: ReadonlyArray<Reason>) =>
  Schema.Struct({
    error: Schema.Struct({
      code: Schema.Literal(code),
      type: Schema.String,
      message: Schema.String,
      param: Schema.NullOr(Schema.String),
      details: Schema.Struct({
        reason: Schema.Literals(reasons),
        request_id: Schema.String,
        scope: Schema.optionalKey(Schema.String),
        limit: Schema.optionalKey(Schema.Int),
        remaining: Schema.optionalKey(Schema.Int),
        retry_after: Schema.optionalKey(Schema.Int),
        provider: Schema.optionalKey(Schema.String),
        upstream_status: Schema.optionalKey(Schema.Int),
        upstream_message: Schema.optionalKey(Schema.String)
      })
    })
  })

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
    "auth_error",
    authReasons.filter((reason) => authStatus(reason) === status)
  )
    .pipe(
      Schema.decodeTo(
        Schema.toType(AuthError),
        SchemaTransformation.transform({
          decode: ({ error }) => new AuthError({ reason: error.details.reason, message: error.message }),
          encode: (error: AuthError) => told("auth_error", error.reason, error.message)
        })
      )
    )
    .pipe(HttpApiSchema.status(status))

const validation = (status: ReturnType<typeof validationStatus>) =>
  envelope(
    "validation_error",
    validationReasons.filter((reason) => validationStatus(reason) === status)
  )
    .pipe(
      Schema.decodeTo(
        Schema.toType(ValidationError),
        SchemaTransformation.transform({
          decode: ({ error }) =>
            new ValidationError({
              reason: error.details.reason,
              message: error.message,
              ...(error.param === null ? {} : { param: error.param })
            }),
          encode: (error: ValidationError) => told("validation_error", error.reason, error.message)
        })
      )
    )
    .pipe(HttpApiSchema.status(status))

const rateLimit = envelope("rate_limit_error", rateLimitReasons)
  .pipe(
    Schema.decodeTo(
      Schema.toType(RateLimitError),
      SchemaTransformation.transform({
        decode: ({ error: { message, details } }) =>
          new RateLimitError({ reason: details.reason, message, retryAfterMillis: (details.retry_after ?? 1) * 1000 }),
        encode: (error: RateLimitError) => told("rate_limit_error", error.reason, error.message)
      })
    )
  )
  .pipe(HttpApiSchema.status(429))

const provider = (status: ReturnType<typeof providerStatus>) =>
  envelope(
    "provider_error",
    providerReasons.filter((reason) => providerStatus(reason) === status)
  )
    .pipe(
      Schema.decodeTo(
        Schema.toType(ProviderError),
        SchemaTransformation.transform({
          decode: ({ error: { message, details } }) =>
            new ProviderError({ reason: details.reason, message, provider: details.provider ?? "unknown" }),
          encode: (error: ProviderError) => told("provider_error", error.reason, error.message)
        })
      )
    )
    .pipe(HttpApiSchema.status(status))

const internal = (status: ReturnType<typeof internalStatus>) =>
  envelope(
    "internal_error",
    internalReasons.filter((reason) => internalStatus(reason) === status)
  )
    .pipe(
      Schema.decodeTo(
        Schema.toType(InternalError),
        SchemaTransformation.transform({
          decode: ({ error }) => new InternalError({ reason: error.details.reason, message: error.message }),
          encode: (error: InternalError) => told("internal_error", error.reason, error.message)
        })
      )
    )
    .pipe(HttpApiSchema.status(status))

/** What any endpoint may answer beside its success. */
export const requestErrors = [
  validation(400),
  validation(404),
  validation(405),
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
