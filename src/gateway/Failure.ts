import { Cause } from "effect"
import { HttpServerError } from "effect/http"
import { HttpApiError } from "effect/http-api"
import {
  AuthError,
  InternalError,
  ProviderError,
  RateLimitError,
  ValidationError,
  type XRouterError
} from "../domain/Errors.ts"
import { tooLarge } from "./RequestBytes.ts"
import { firstFault } from "./SchemaFault.ts"

/** One of the five errors for whatever went wrong; undefined where nothing did but that the request was broken off. */
export const errorOf = (cause: Cause.Cause<unknown>): XRouterError | undefined => {
  if (Cause.hasInterruptsOnly(cause)) return undefined
  for (const reason of cause.reasons) {
    if (reason._tag === "Interrupt") continue
    const known = ofValue(reason._tag === "Fail" ? reason.error : reason.defect)
    if (known !== undefined) return known
  }
  return unexpected(cause)
}

export const unexpected = (cause: unknown) =>
  new InternalError({ reason: "unexpected", message: "The request failed; the request id finds it in the log", cause })

/** HTTP's own failures, raised by the router, the body's reader and the decoding of typed endpoints. */
const ofValue = (value: unknown): XRouterError | undefined => {
  if (isXRouterError(value)) return value
  if (HttpApiError.HttpApiSchemaError.is(value)) return ofSchema(value)
  if (HttpServerError.isHttpServerError(value)) {
    switch (value.reason._tag) {
      case "RouteNotFound":
        return notFound
      case "RequestParseError":
        return value.reason.reason === "BodyTooLarge" ? tooLarge : invalidRequest
      default:
        return undefined
    }
  }
  return undefined
}

const isXRouterError = (value: unknown): value is XRouterError =>
  value instanceof AuthError ||
  value instanceof ValidationError ||
  value instanceof RateLimitError ||
  value instanceof ProviderError ||
  value instanceof InternalError

/** What a client sent was not of the endpoint's shape; what we were about to send not being so is a defect of ours. */
const ofSchema = (error: HttpApiError.HttpApiSchemaError): XRouterError | undefined => {
  const { message, path } = firstFault(error.cause)
  const param = path === undefined ? {} : { param: path }
  switch (error.kind) {
    case "Payload":
      return path === undefined && message === "Expected a valid JSON body"
        ? new ValidationError({ reason: "invalid_json", message: "The body is not valid JSON" })
        : new ValidationError({
            reason: "invalid_body",
            message: path === undefined ? message : `Invalid '${path}': ${message}`,
            ...param
          })
    case "Params":
    case "Query":
    case "Headers":
      return new ValidationError({
        reason: "invalid_request",
        message: path === undefined ? message : `Invalid '${path}': ${message}`,
        ...param
      })
    case "Body":
    case "ResponseHeaders":
      return undefined
  }
}

export const notFound = new ValidationError({ reason: "not_found", message: "There is nothing at this path" })

const invalidRequest = new ValidationError({
  reason: "invalid_request",
  message: "The request could not be read to its end"
})
