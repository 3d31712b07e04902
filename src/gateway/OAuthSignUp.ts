import { Effect } from "effect"
import { HttpRouter, type HttpServerRequest } from "effect/http"
import { Settings } from "../config/Settings.ts"
import { AuthorizationRequests } from "../oauth/AuthorizationRequests.ts"
import { returnPath } from "../oauth/ReturnPath.ts"
import { Sessions } from "../oauth/Sessions.ts"
import { SignUp } from "../oauth/SignUp.ts"
import { readQuery } from "./FormBody.ts"
import { browserOf, browserSecret, seeOther, sessionOf } from "./OAuthBrowser.ts"
import { readCredentials, waitOf } from "./OAuthCredentials.ts"
import { formTargetsOf } from "./OAuthFormTargets.ts"
import { pageAnswered } from "./OAuthPageAnswers.ts"
import { accountPath, newAccountPath, signUpPath } from "./OAuthPaths.ts"
import { errorPage } from "./pages/ErrorPage.ts"
import { signUpPage, type SignUpView } from "./pages/SignUpPage.ts"
import { wordsFor } from "./pages/Words.ts"
import { CurrentRequest } from "./RequestContext.ts"

/** An account for whoever wants one, where that is allowed. */
export const OAuthSignUp = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const { publicUrl } = yield* Settings
    const requests = yield* AuthorizationRequests
    const sessions = yield* Sessions
    const { isOpen, signUp } = yield* SignUp
    const browser = browserOf(publicUrl)

    const show = Effect.fnUntraced(function* (
      request: HttpServerRequest.HttpServerRequest,
      view: Pick<SignUpView, "returnTo" | "email" | "failure">
    ) {
      const { keep, token } = browserSecret(browser, request)
      const formTargets = yield* formTargetsOf(requests, view.returnTo)
      const words = wordsFor(request.headers["accept-language"])
      return keep(signUpPage(words, { base: browser.base, formToken: token, formTargets, ...view }))
    })

    const closed = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { requestId } = yield* CurrentRequest
      return errorPage(wordsFor(request.headers["accept-language"]), "sign_up_closed", requestId)
    })

    const ask = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      if (!isOpen) return yield* closed(request)
      const returnTo = returnPath(readQuery(request).get("return_to"))
      const known = yield* sessionOf(browser, sessions, request)
      if (known !== undefined) return seeOther(browser.base + (returnTo ?? accountPath))
      return yield* show(request, { returnTo })
    })

    const enter = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { credentials, returnTo } = yield* readCredentials(browser, request)
      return yield* signUp(credentials).pipe(
        Effect.map((secret) => browser.remember(seeOther(browser.base + (returnTo ?? newAccountPath)), secret)),
        Effect.catchTag("SignUpRefused", ({ reason, retryAfterMillis }) =>
          reason === "closed"
            ? closed(request)
            : show(request, {
                returnTo,
                email: credentials.email,
                failure: reason === "too_many_attempts" ? waitOf(retryAfterMillis) : reason
              })
        )
      )
    })

    yield* router.add("GET", signUpPath, (request) => pageAnswered(publicUrl, request, ask(request)))
    yield* router.add("POST", signUpPath, (request) => pageAnswered(publicUrl, request, enter(request)))
  })
)
