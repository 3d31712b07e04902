import { Effect } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import type { InternalError, ValidationError } from "../domain/Errors.ts"
import type { OAuthError } from "../oauth/OAuthError.ts"
import { note } from "./OAuthPageAnswers.ts"
import { CurrentRequest } from "./RequestContext.ts"

/** Answers of the authorization server to machines: JSON in the words of its RFCs, which nobody may keep (RFC 6749, section 5.1). */

export const oauthAnswer = (
  body: object,
  options: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(JSON.stringify(body), {
    status: options.status ?? 200,
    contentType: "application/json",
    headers: { "cache-control": "no-store", ...options.headers }
  })

/** Turns what an endpoint fails with into its answer, and notes it for the request's line in the log. */
export const answered = <R>(
  request: HttpServerRequest.HttpServerRequest,
  effect: Effect.Effect<HttpServerResponse.HttpServerResponse, OAuthError | ValidationError | InternalError, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | CurrentRequest> =>
  Effect.catch(effect, (error) =>
    Effect.gen(function* () {
      if (error._tag === "OAuthError") return refusal(error, request)
      const context = yield* CurrentRequest
      if (error._tag === "InternalError") {
        yield* note(context, error)
        return unavailable(error)
      }
      context.error = error
      return oauthAnswer(
        { error: "invalid_request", error_description: error.message.replaceAll(/["\\]/g, "'") },
        error.reason === "body_too_large" ? { status: 413, headers: { connection: "close" } } : { status: 400 }
      )
    })
  )

const unavailable = ({ reason, retryAfterMillis = 1000 }: InternalError) =>
  reason === "unexpected"
    ? oauthAnswer({ error: "server_error", error_description: "The request failed on our side" }, { status: 500 })
    : oauthAnswer(
        { error: "temporarily_unavailable", error_description: "Try again in a moment" },
        { status: 503, headers: retryHeaders(retryAfterMillis) }
      )

const refusal = ({ description, error, retryAfterMillis }: OAuthError, request: HttpServerRequest.HttpServerRequest) =>
  oauthAnswer(
    { error, error_description: description },
    { status: statusOf(error), headers: headersOf(error, request.headers["authorization"], retryAfterMillis) }
  )

const statusOf = (error: OAuthError["error"]): number => {
  switch (error) {
    case "invalid_client":
    case "invalid_token":
      return 401
    case "access_denied":
      return 403
    case "slow_down":
      return 429
    default:
      return 400
  }
}

const headersOf = (
  error: OAuthError["error"],
  authorization: string | undefined,
  retryAfterMillis: number | undefined
): Readonly<Record<string, string>> => {
  if (retryAfterMillis !== undefined) return retryHeaders(retryAfterMillis)
  if (error === "invalid_token") return { "www-authenticate": 'Bearer realm="xrouter", error="invalid_token"' }
  // Of the header that the client has tried (RFC 6749, section 5.2); libraries read a challenge before they read the body.
  return error === "invalid_client" && authorization !== undefined
    ? { "www-authenticate": 'Basic realm="xrouter"' }
    : {}
}

const retryHeaders = (millis: number): Readonly<Record<string, string>> => ({
  "retry-after": String(Math.max(1, Math.ceil(millis / 1000))),
  "retry-after-ms": String(Math.max(1, Math.ceil(millis))),
  ...(millis > 60_000 && { "x-should-retry": "false" })
})
