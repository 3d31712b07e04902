import { Effect } from "effect"
import { HttpRouter, type HttpServerRequest } from "effect/http"
import { ApiKeys } from "../auth/ApiKeys.ts"
import { Settings } from "../config/Settings.ts"
import type { InternalError, ValidationError } from "../domain/Errors.ts"
import { formToken } from "../oauth/Csrf.ts"
import { Grants } from "../oauth/Grants.ts"
import { Sessions } from "../oauth/Sessions.ts"
import { readForm, readQuery } from "./FormBody.ts"
import { browserOf, seeOther, sessionOf } from "./OAuthBrowser.ts"
import { pageAnswered } from "./OAuthPageAnswers.ts"
import { accountPath, loginPath, withReturn } from "./OAuthPaths.ts"
import { accountPage } from "./pages/AccountPage.ts"
import { wordsFor } from "./pages/Words.ts"

/** What has access to a user's account, for the user to look at and to take away. */
export const OAuthAccount = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const { publicUrl } = yield* Settings
    const sessions = yield* Sessions
    const grants = yield* Grants
    const keys = yield* ApiKeys
    const browser = browserOf(publicUrl)
    const toSignIn = seeOther(browser.base + withReturn(loginPath, accountPath))

    const show = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const known = yield* sessionOf(browser, sessions, request)
      if (known === undefined) return toSignIn
      const { secret, session } = known
      const { userId } = session
      return accountPage(wordsFor(request.headers["accept-language"]), {
        base: browser.base,
        formToken: formToken(secret),
        email: session.email,
        isNew: readQuery(request).get("new") !== undefined,
        grants: yield* grants.list(userId),
        keys: (yield* keys.list({ userId, limit: 100 })).data
      })
    })

    const revokeKey = Effect.fnUntraced(
      function* (userId: string, id: string) {
        const key = yield* keys.get(id)
        if (key.userId === userId) yield* keys.revoke(id)
      },
      // Gone already, which is what was wanted.
      (effect: Effect.Effect<void, ValidationError | InternalError>) =>
        Effect.catchTag(effect, "ValidationError", () => Effect.void)
    )

    const revoke = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { parameters } = yield* readForm(request)
      const known = yield* sessionOf(browser, sessions, request)
      if (known === undefined) return toSignIn
      yield* browser.checkForm(request, parameters)
      const { userId } = known.session
      const id = parameters.get("id") ?? ""
      switch (parameters.get("kind")) {
        case "client":
          yield* grants.revokeWhere({ userId, clientId: id })
          break
        case "token":
          yield* grants.revokeToken({ id, userId })
          break
        case "key":
          yield* revokeKey(userId, id)
      }
      return seeOther(browser.base + accountPath)
    })

    yield* router.add("GET", accountPath, (request) => pageAnswered(publicUrl, request, show(request)))
    yield* router.add("POST", accountPath, (request) => pageAnswered(publicUrl, request, revoke(request)))
  })
)
