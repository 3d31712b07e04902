import { Effect, Redacted } from "effect"
import { HttpRouter, type HttpServerRequest } from "effect/http"
import { Settings } from "../config/Settings.ts"
import { AuthorizationRequests } from "../oauth/AuthorizationRequests.ts"
import { returnPath } from "../oauth/ReturnPath.ts"
import { Sessions } from "../oauth/Sessions.ts"
import { SignUp } from "../oauth/SignUp.ts"
import { readForm, readQuery } from "./FormBody.ts"
import { browserOf, browserSecret, seeOther } from "./OAuthBrowser.ts"
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
      const secret = browser.secretOf(request)
      const session = secret === undefined ? undefined : yield* sessions.find(secret)
      if (session !== undefined) return seeOther(browser.base + (returnTo ?? accountPath))
      return yield* show(request, { returnTo })
    })

    const enter = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { parameters } = yield* readForm(request)
      yield* browser.checkForm(request, parameters)
      const returnTo = returnPath(parameters.get("return_to"))
      const email = parameters.get("email") ?? ""
      const password = Redacted.make(parameters.get("password") ?? "", { label: "password" })
      const { ip } = yield* CurrentRequest
      return yield* signUp({ email, password, address: ip }).pipe(
        Effect.map((secret) => browser.remember(seeOther(browser.base + (returnTo ?? newAccountPath)), secret)),
        Effect.catchTag("SignUpRefused", ({ reason, retryAfterMillis = 1000 }) =>
          reason === "closed"
            ? closed(request)
            : show(request, {
                returnTo,
                email,
                failure:
                  reason === "too_many_attempts"
                    ? { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMillis / 1000)) }
                    : reason
              })
        )
      )
    })

    yield* router.add("GET", signUpPath, (request) => pageAnswered(publicUrl, request, ask(request)))
    yield* router.add("POST", signUpPath, (request) => pageAnswered(publicUrl, request, enter(request)))
  })
)
