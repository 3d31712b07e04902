import { Effect, Redacted } from "effect"
import type { HttpServerRequest } from "effect/http"
import { returnPath } from "../oauth/ReturnPath.ts"
import type { UserCredentials } from "../oauth/UserCredentials.ts"
import { readForm } from "./FormBody.ts"
import type { Browser } from "./OAuthBrowser.ts"
import { CurrentRequest } from "./RequestContext.ts"

/** What somebody typed into a form of ours to sign in or up, and where to go afterwards. */
export const readCredentials = Effect.fnUntraced(function* (
  browser: Browser,
  request: HttpServerRequest.HttpServerRequest
) {
  const { parameters } = yield* readForm(request)
  yield* browser.checkForm(request, parameters)
  const { ip } = yield* CurrentRequest
  const credentials: UserCredentials = {
    email: parameters.get("email") ?? "",
    password: Redacted.make(parameters.get("password") ?? "", { label: "password" }),
    address: ip
  }
  return { credentials, returnTo: returnPath(parameters.get("return_to")) }
})

/** What a page says to whoever has to wait before the next attempt. */
export const waitOf = (retryAfterMillis = 1000) => ({
  retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMillis / 1000))
})
