import { Effect, Redacted, Schema } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import { formToken, isFormToken } from "../oauth/Csrf.ts"
import type { RequestParameters } from "../oauth/RequestParameters.ts"
import { drawSecret } from "../oauth/Secret.ts"
import type { Sessions } from "../oauth/Sessions.ts"
import { pageHeaders } from "./pages/Page.ts"

/** A form that came from elsewhere than from a page of ours in this browser, or that has outlived its session. */
export class ForeignForm extends Schema.TaggedError<ForeignForm>()("ForeignForm", {}) {}

/** The gateway as a browser knows it. */
export interface Browser {
  /** What paths of ours begin with, where the public URL has a path. */
  readonly base: string
  /** The secret in the browser's cookie. */
  readonly secretOf: (request: HttpServerRequest.HttpServerRequest) => string | undefined
  /** A secret for a browser that has none, so that its first form can be told from a stranger's. */
  readonly remember: (
    response: HttpServerResponse.HttpServerResponse,
    secret: Redacted.Redacted
  ) => HttpServerResponse.HttpServerResponse
  readonly forget: (response: HttpServerResponse.HttpServerResponse) => HttpServerResponse.HttpServerResponse
  /** Whether a form comes from a page of ours. */
  readonly checkForm: (
    request: HttpServerRequest.HttpServerRequest,
    parameters: RequestParameters
  ) => Effect.Effect<void, ForeignForm>
}

export const browserOf = (publicUrl: string): Browser => {
  const url = new URL(publicUrl)
  const isSecure = url.protocol === "https:"
  // The prefix keeps other hosts of the domain, and the same host without TLS, from setting it (RFC 6265bis, section 4.1.3.2).
  const name = isSecure ? "__Host-sid" : "sid"
  const attributes = { path: "/", httpOnly: true, sameSite: "lax", secure: isSecure } as const
  return {
    base: url.pathname === "/" ? "" : url.pathname,
    secretOf: (request) => {
      const secret = request.cookies[name]
      return secret !== undefined && /^[0-9a-f]{64}$/.test(secret) ? secret : undefined
    },
    remember: (response, secret) =>
      HttpServerResponse.setCookieUnsafe(response, name, Redacted.value(secret), attributes),
    forget: (response) => HttpServerResponse.expireCookieUnsafe(response, name, attributes),
    checkForm: (request, parameters) => {
      const secret = request.cookies[name]
      return isOwn(request, url.origin) && secret !== undefined && isFormToken(parameters.get("csrf") ?? "", secret)
        ? Effect.void
        : Effect.fail(new ForeignForm())
    }
  }
}

/** Who is signed in with this browser, and its secret. */
export const sessionOf = (
  browser: Browser,
  sessions: Sessions["Service"],
  request: HttpServerRequest.HttpServerRequest
) => {
  const secret = browser.secretOf(request)
  return secret === undefined
    ? Effect.undefined
    : Effect.map(sessions.find(secret), (session) => (session === undefined ? undefined : { session, secret }))
}

/** The browser's secret, or a new one that its answer has to bring; and the token of its forms. */
export const browserSecret = (browser: Browser, request: HttpServerRequest.HttpServerRequest) => {
  const known = browser.secretOf(request)
  const secret = known ?? drawSecret()
  return {
    token: formToken(secret),
    keep: (response: HttpServerResponse.HttpServerResponse) =>
      known === undefined ? browser.remember(response, Redacted.make(secret)) : response
  }
}

/** With GET, whatever the method was (RFC 9700, section 4.12): 307 would send a password on. */
export const seeOther = (location: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({ status: 303, headers: { ...pageHeaders(), location } })

/**
 * What the browser says of where a form comes from. `Origin: null` is what our own pages send, since they are not to tell where
 * they are; then the form's token decides.
 */
const isOwn = (request: HttpServerRequest.HttpServerRequest, ourOrigin: string): boolean => {
  const site = request.headers["sec-fetch-site"]
  if (site !== undefined && site !== "same-origin") return false
  const origin = request.headers["origin"]
  if (origin === undefined || origin === "null" || origin === ourOrigin) return true
  return URL.parse(origin)?.host === request.headers["host"]
}
