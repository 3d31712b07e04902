import { Effect, Redacted } from "effect"
import { HttpRouter, type HttpServerRequest } from "effect/http"
import { Settings } from "../config/Settings.ts"
import type { InternalError } from "../domain/Errors.ts"
import { type AuthorizationRequest, RefusedToClient } from "../oauth/AuthorizationRequest.ts"
import { AuthorizationRequests } from "../oauth/AuthorizationRequests.ts"
import { Codes } from "../oauth/Codes.ts"
import { Consent } from "../oauth/Consent.ts"
import { formToken } from "../oauth/Csrf.ts"
import { endpoints } from "../oauth/Metadata.ts"
import { type OAuthErrorCode } from "../oauth/OAuthError.ts"
import { withParameters } from "../oauth/RedirectUri.ts"
import type { RequestParameters } from "../oauth/RequestParameters.ts"
import { type Session, Sessions } from "../oauth/Sessions.ts"
import { queryOf, readForm, readQuery } from "./FormBody.ts"
import { browserOf, seeOther, sessionOf } from "./OAuthBrowser.ts"
import { note, pageAnswered } from "./OAuthPageAnswers.ts"
import { loginPath } from "./OAuthPaths.ts"
import { consentPage } from "./pages/ConsentPage.ts"
import { errorPage } from "./pages/ErrorPage.ts"
import { wordsFor } from "./pages/Words.ts"
import { CurrentRequest } from "./RequestContext.ts"

/** The authorization endpoint (RFC 6749, section 3.1): who is there, what may the client have, and back to it. */
export const OAuthAuthorize = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const { publicUrl } = yield* Settings
    const requests = yield* AuthorizationRequests
    const sessions = yield* Sessions
    const consent = yield* Consent
    const codes = yield* Codes
    const browser = browserOf(publicUrl)

    const issue = Effect.fnUntraced(function* (session: Session, asked: AuthorizationRequest) {
      const code = yield* codes.issue(session, asked)
      if (code === undefined) return yield* refused(asked, "access_denied", "The session has ended meanwhile")
      return seeOther(withParameters(asked.redirectUri, { code: Redacted.value(code), iss: publicUrl }, asked.state))
    })

    /** Nothing is asked of the user that the client has excluded, and nothing twice. */
    const decide = Effect.fnUntraced(function* (
      request: HttpServerRequest.HttpServerRequest,
      asked: AuthorizationRequest,
      query: string
    ) {
      const known = yield* sessionOf(browser, sessions, request)
      if (known === undefined || asked.prompt === "login") {
        if (asked.prompt === "none") return yield* refused(asked, "login_required", "The user is not signed in")
        const back = encodeURIComponent(`${endpoints.authorization}?${withoutPrompt(query)}`)
        const again = known === undefined ? "" : "&prompt=login"
        return seeOther(`${browser.base}${loginPath}?return_to=${back}${again}`)
      }
      const { secret, session } = known
      if (!(yield* consent.isNeeded(session, asked))) return yield* issue(session, asked)
      if (asked.prompt === "none") return yield* refused(asked, "consent_required", "The user has to be asked")
      return consentPage(wordsFor(request.headers["accept-language"]), {
        base: browser.base,
        formToken: formToken(secret),
        questionId: yield* consent.ask(session, asked),
        email: session.email,
        request: asked
      })
    })

    const authorize = Effect.fnUntraced(function* (
      request: HttpServerRequest.HttpServerRequest,
      parameters: RequestParameters,
      query: string
    ) {
      const asked = yield* requests.read(parameters)
      return yield* orToClient(asked, decide(request, asked, query))
    })

    const answer = Effect.fnUntraced(function* (
      request: HttpServerRequest.HttpServerRequest,
      parameters: RequestParameters
    ) {
      yield* browser.checkForm(request, parameters)
      const known = yield* sessionOf(browser, sessions, request)
      const asked =
        known === undefined ? undefined : yield* consent.take(known.session, parameters.get("request") ?? "")
      if (known === undefined || asked === undefined) {
        const { requestId } = yield* CurrentRequest
        return errorPage(wordsFor(request.headers["accept-language"]), "question_is_over", requestId)
      }
      return yield* parameters.get("decision") === "approve"
        ? orToClient(asked, issue(known.session, asked))
        : refused(asked, "access_denied", "The user has denied access")
    })

    yield* router.add("GET", endpoints.authorization, (request) =>
      pageAnswered(publicUrl, request, authorize(request, readQuery(request), queryOf(request)))
    )
    yield* router.add("POST", endpoints.authorization, (request) =>
      pageAnswered(
        publicUrl,
        request,
        Effect.gen(function* () {
          const { parameters, text } = yield* readForm(request)
          const isAnswer = parameters.get("decision") !== undefined
          return yield* isAnswer ? answer(request, parameters) : authorize(request, parameters, text)
        })
      )
    )
  })
)

const refused = (asked: AuthorizationRequest, error: OAuthErrorCode, description: string) =>
  Effect.fail(new RefusedToClient({ redirectUri: asked.redirectUri, state: asked.state, error, description }))

/** Once it is certain where the client is, it is told of our failures too (RFC 6749, section 4.1.2.1). */
const orToClient = <A, R>(
  asked: AuthorizationRequest,
  effect: Effect.Effect<A, RefusedToClient | InternalError, R>
): Effect.Effect<A, RefusedToClient, R | CurrentRequest> =>
  Effect.catchTag(effect, "InternalError", (error) =>
    Effect.gen(function* () {
      yield* note(yield* CurrentRequest, error)
      return yield* error.reason === "unexpected"
        ? refused(asked, "server_error", "The request failed on our side")
        : refused(asked, "temporarily_unavailable", "Try again in a moment")
    })
  )

/** Once the user has signed in anew, that is done with. */
const withoutPrompt = (query: string): string =>
  query
    .split("&")
    .filter((piece) => !piece.startsWith("prompt="))
    .join("&")
