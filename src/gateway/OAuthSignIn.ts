import { Effect } from "effect"
import { HttpRouter, type HttpServerRequest } from "effect/http"
import { Settings } from "../config/Settings.ts"
import { AuthorizationRequests } from "../oauth/AuthorizationRequests.ts"
import { returnPath } from "../oauth/ReturnPath.ts"
import { Sessions } from "../oauth/Sessions.ts"
import { SignIn } from "../oauth/SignIn.ts"
import { SignUp } from "../oauth/SignUp.ts"
import { readForm, readQuery } from "./FormBody.ts"
import { browserOf, browserSecret, seeOther, sessionOf } from "./OAuthBrowser.ts"
import { readCredentials, waitOf } from "./OAuthCredentials.ts"
import { formTargetsOf } from "./OAuthFormTargets.ts"
import { pageAnswered } from "./OAuthPageAnswers.ts"
import { accountPath, loginPath, logoutPath } from "./OAuthPaths.ts"
import { signInPage, type SignInView } from "./pages/SignInPage.ts"
import { wordsFor } from "./pages/Words.ts"

/** Signing in and out with a browser. */
export const OAuthSignIn = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const { publicUrl } = yield* Settings
    const requests = yield* AuthorizationRequests
    const sessions = yield* Sessions
    const signIn = yield* SignIn
    const { isOpen } = yield* SignUp
    const browser = browserOf(publicUrl)

    const show = Effect.fnUntraced(function* (
      request: HttpServerRequest.HttpServerRequest,
      view: Pick<SignInView, "returnTo" | "email" | "failure">
    ) {
      const { keep, token } = browserSecret(browser, request)
      const formTargets = yield* formTargetsOf(requests, view.returnTo)
      return keep(
        signInPage(wordsFor(request.headers["accept-language"]), {
          base: browser.base,
          formToken: token,
          formTargets,
          isSignUpOpen: isOpen,
          ...view
        })
      )
    })

    const ask = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const parameters = readQuery(request)
      const returnTo = returnPath(parameters.get("return_to"))
      const isAskedAgain = parameters.get("prompt") === "login"
      const known = isAskedAgain ? undefined : yield* sessionOf(browser, sessions, request)
      if (known !== undefined) return seeOther(browser.base + (returnTo ?? accountPath))
      return yield* show(request, { returnTo })
    })

    const enter = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { credentials, returnTo } = yield* readCredentials(browser, request)
      return yield* signIn.signIn(credentials).pipe(
        // A new secret: whoever knew the one of before knows nothing.
        Effect.map((secret) => browser.remember(seeOther(browser.base + (returnTo ?? accountPath)), secret)),
        Effect.catchTag("SignInRefused", ({ reason, retryAfterMillis }) =>
          show(request, {
            returnTo,
            email: credentials.email,
            failure: reason === "wrong_password" ? "wrong" : waitOf(retryAfterMillis)
          })
        )
      )
    })

    const leave = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { parameters } = yield* readForm(request)
      const known = yield* sessionOf(browser, sessions, request)
      if (known !== undefined) {
        yield* browser.checkForm(request, parameters)
        yield* sessions.end(known.session)
      }
      return browser.forget(seeOther(browser.base + loginPath))
    })

    yield* router.add("GET", loginPath, (request) => pageAnswered(publicUrl, request, ask(request)))
    yield* router.add("POST", loginPath, (request) => pageAnswered(publicUrl, request, enter(request)))
    yield* router.add("POST", logoutPath, (request) => pageAnswered(publicUrl, request, leave(request)))
  })
)
