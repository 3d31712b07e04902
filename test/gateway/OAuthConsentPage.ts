import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Answer } from "../support/Gateway.ts"
import { authorizeUrl, makeClient, makeUser, OAuthGateway, WebBrowser } from "./OAuthGateway.ts"

/** What every answer to a browser has, and no answer may lack. */
export const assertSafe = (answer: Answer, formTargets = "'self'") => {
  assert.strictEqual(answer.headers.get("cache-control"), "no-store")
  assert.strictEqual(answer.headers.get("referrer-policy"), "no-referrer")
  assert.strictEqual(answer.headers.get("x-frame-options"), "DENY")
  assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
  const policy = answer.headers.get("content-security-policy") ?? ""
  for (const part of [
    "default-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    `form-action ${formTargets}`
  ]) {
    assert.include(policy.split("; "), part)
  }
  assert.notInclude(policy, "unsafe")
}

/** In a browser that is signed in, at the consent page. */
export const asked = Effect.fnUntraced(function* (changes: Parameters<typeof authorizeUrl>[1] = {}, client = {}) {
  const gateway = yield* OAuthGateway
  const user = yield* makeUser(gateway)
  const made = yield* makeClient(gateway, client)
  const browser = new WebBrowser(gateway)
  yield* browser.signIn(user.email)
  const page = yield* browser.send(authorizeUrl(made.id, changes))
  return { gateway, user, client: made, browser, page, form: browser.hidden(page.text) }
})
