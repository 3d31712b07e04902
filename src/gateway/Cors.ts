import { HttpServerResponse } from "effect/http"

const exposed = [
  "x-request-id",
  "x-xrouter-provider",
  "x-xrouter-model",
  "x-xrouter-dropped-params",
  "x-xrouter-degraded",
  "x-ratelimit-limit-requests",
  "x-ratelimit-remaining-requests",
  "x-ratelimit-reset-requests",
  "x-ratelimit-limit-tokens",
  "x-ratelimit-remaining-tokens",
  "x-ratelimit-reset-tokens",
  "x-ratelimit-limit",
  "x-ratelimit-remaining",
  "x-ratelimit-reset",
  "retry-after",
  "retry-after-ms",
  "x-should-retry",
  "www-authenticate"
].join(", ")

/** Seconds that a browser may remember a preflight's answer. */
const maxAge = "7200"

/** The OAuth endpoints that machines call. The pages, which know a browser by its cookie, are not among them (RFC 9700, section 2.6). */
const machinePaths = /^\/(token|revoke|introspect|register|\.well-known)(\/|$)/

const varying = { vary: "Origin" }

/** Cross-origin access for `/v1` and the authorization server: never with credentials, since keys travel in a header (Fetch standard, "CORS protocol"). */
export interface Cors {
  /** Headers for an answer to this origin, or to a request without one. */
  readonly headers: (path: string, origin: string | undefined) => Readonly<Record<string, string>> | undefined
  readonly preflight: (options: {
    readonly path: string
    readonly origin: string
    readonly methods: ReadonlyArray<string>
    readonly requestedHeaders: string | undefined
  }) => HttpServerResponse.HttpServerResponse
}

export const cors = (origins: ReadonlyArray<string>): Cors => {
  const isOpen = origins.includes("*")
  const allowed = new Set(origins)
  const isShared = (path: string) => path.startsWith("/v1/") || machinePaths.test(path)
  const allow = (path: string, origin: string): Record<string, string> | undefined => {
    if (!isShared(path)) return undefined
    if (isOpen) return { "access-control-allow-origin": "*" }
    return allowed.has(origin) ? { "access-control-allow-origin": origin, vary: "Origin" } : { vary: "Origin" }
  }
  return {
    headers: (path, origin) => {
      // One that a cache keeps must not be taken for the answer to a page, which has to say that it may be read (Fetch standard,
      // "CORS protocol and HTTP caches").
      if (origin === undefined) return isShared(path) ? varying : undefined
      const headers = allow(path, origin)
      if (headers === undefined || headers["access-control-allow-origin"] === undefined) return headers
      return { ...headers, "access-control-expose-headers": exposed }
    },
    preflight: ({ path, origin, methods, requestedHeaders }) => {
      const headers = allow(path, origin) ?? {}
      return HttpServerResponse.empty({
        status: 204,
        headers:
          headers["access-control-allow-origin"] === undefined
            ? headers
            : {
                ...headers,
                "access-control-allow-methods": methods.join(", "),
                // Clients send headers of their own (`x-stainless-*`); none of them is of consequence here.
                "access-control-allow-headers": requestedHeaders ?? "authorization, content-type",
                "access-control-max-age": maxAge,
                vary: "Origin"
              }
      })
    }
  }
}
