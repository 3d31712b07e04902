import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { ValidationError } from "../domain/Errors.ts"
import { type RequestParameters, requestParameters } from "../oauth/RequestParameters.ts"
import { readBytes } from "./RequestBytes.ts"

/** A form has no files; an authorization request with a long `state` is the largest. */
const mostBytes = 64 * 1024

/** A form as it was sent, and what is in it. */
export interface Form {
  readonly text: string
  readonly parameters: RequestParameters
}

/** The body of a form, `application/x-www-form-urlencoded` and nothing else (RFC 6749, appendix B). */
export const readForm = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Form, ValidationError> =>
  isForm(request.headers["content-type"])
    ? Effect.map(readBytes(request, mostBytes), (bytes) => {
        const text = Buffer.from(bytes).toString("utf8")
        return { text, parameters: requestParameters(text) }
      })
    : Effect.fail(notAForm)

/** The query of the request's target. */
export const readQuery = (request: HttpServerRequest.HttpServerRequest): RequestParameters =>
  requestParameters(queryOf(request))

export const queryOf = (request: HttpServerRequest.HttpServerRequest): string => {
  const mark = request.url.indexOf("?")
  return mark === -1 ? "" : request.url.slice(mark + 1)
}

const isForm = (contentType: string | undefined): boolean =>
  /^application\/x-www-form-urlencoded *(;|$)/i.test(contentType ?? "")

const notAForm = new ValidationError({
  reason: "unsupported_media_type",
  message: "The body must be application/x-www-form-urlencoded"
})
