import { Effect } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import type { InternalError, ValidationError } from "../domain/Errors.ts"
import type { RefusedOnPage, RefusedToClient } from "../oauth/AuthorizationRequest.ts"
import { withParameters } from "../oauth/RedirectUri.ts"
import { annotationsOf } from "../telemetry/RequestAnnotations.ts"
import { type ForeignForm, seeOther } from "./OAuthBrowser.ts"
import { errorPage, type Trouble } from "./pages/ErrorPage.ts"
import { wordsFor } from "./pages/Words.ts"
import { CurrentRequest, type RequestContext } from "./RequestContext.ts"

export type PageFailure = RefusedOnPage | RefusedToClient | ForeignForm | ValidationError | InternalError

/** Turns what a page's route fails with into a page that says what to do, or into the client's answer. */
export const pageAnswered = <R>(
  issuer: string,
  request: HttpServerRequest.HttpServerRequest,
  effect: Effect.Effect<HttpServerResponse.HttpServerResponse, PageFailure, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | CurrentRequest> =>
  Effect.catch(effect, (failure) =>
    Effect.gen(function* () {
      const context = yield* CurrentRequest
      if (failure._tag === "RefusedToClient") return clientAnswer(issuer, failure)
      if (failure._tag === "InternalError") yield* note(context, failure)
      else if (failure._tag === "ValidationError") context.error = failure
      return errorPage(wordsFor(request.headers["accept-language"]), troubleOf(failure), context.requestId)
    })
  )

/** By way of the browser (RFC 6749, section 4.1.2.1; RFC 9207, section 2). */
const clientAnswer = (issuer: string, { description, error, redirectUri, state }: RefusedToClient) =>
  seeOther(withParameters(redirectUri, { error, error_description: description, iss: issuer }, state))

/** For the request's line in the log; what nobody expected with its cause. */
export const note = (context: RequestContext, error: InternalError): Effect.Effect<void> =>
  Effect.suspend(() => {
    context.error = error
    return error.reason === "unexpected"
      ? Effect.logError("A request failed", error).pipe(
          Effect.annotateLogs(annotationsOf(context.requestId, context.trace))
        )
      : Effect.void
  })

const troubleOf = (failure: Exclude<PageFailure, RefusedToClient>): Trouble => {
  switch (failure._tag) {
    case "RefusedOnPage":
      return failure.reason
    case "ForeignForm":
      return "form_is_foreign"
    case "ValidationError":
      return "bad_form"
    case "InternalError":
      return failure.reason === "unexpected" ? "unexpected" : "unavailable"
  }
}
