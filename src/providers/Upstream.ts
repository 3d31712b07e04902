import { Duration, Effect, type Scope, type Stream } from "effect"
import type { LookupAddress } from "node:dns"
import type { LookupFunction } from "node:net"
import type { SecureContext } from "node:tls"
import { buildConnector, Pool } from "undici"
import type { ProviderError } from "../domain/Errors.ts"
import { writeInBursts } from "../sockets/WriteBursts.ts"
import type { TraceContext } from "../telemetry/TraceContext.ts"
import type { CallTimers } from "./Provider.ts"
import { commonHeaders, exchange, type Link, stream } from "./UpstreamDispatch.ts"
import { type UpstreamOptions, UpstreamOptionsError } from "./UpstreamOptions.ts"
import { secureContext } from "./UpstreamTls.ts"

export { commonHeaders, type UpstreamOptions, UpstreamOptionsError }

export interface UpstreamRequest {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
  /** Where the upstream's own are not meant. */
  readonly timers?: CallTimers | undefined
  /** Sent only where the upstream is trusted with it. */
  readonly traceContext?: TraceContext | undefined
}

export type UpstreamHeaders = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

export interface UpstreamAnswer {
  readonly status: number
  readonly headers: UpstreamHeaders
  /** At most 16 MiB; more is `provider_invalid_answer`. */
  readonly text: string
}

export interface UpstreamStream {
  readonly status: number
  readonly headers: UpstreamHeaders
  /** Pauses the upstream while nobody pulls. A cut connection is a failure, not an end. */
  readonly body: Stream.Stream<Uint8Array, ProviderError>
  /**
   * Nothing more is wanted of the body. Where little is left of it the connection survives for the next request;
   * without this, closing the scope before the end destroys it.
   */
  readonly discard: Effect.Effect<void>
  /** Destroys the connection where the body is neither at its end nor discarded, before the scope does. */
  readonly close: Effect.Effect<void>
}

/**
 * The one transport: undici's dispatcher, wrapped once. Interrupting an effect, or closing its scope, destroys the
 * upstream's socket at once. Redirects are not followed.
 */
export interface Upstream {
  /** The whole answer, whatever its status. */
  readonly exchange: (request: UpstreamRequest) => Effect.Effect<UpstreamAnswer, ProviderError>
  /** The answer as it comes, after its headers. */
  readonly stream: (request: UpstreamRequest, scope: Scope.Scope) => Effect.Effect<UpstreamStream, ProviderError>
}

/** Milliseconds as undici counts them: 0 is no limit. */
const limit = (duration: Duration.Duration): number => {
  const millis = Duration.toMillis(duration)
  return Number.isFinite(millis) ? Math.max(1, Math.round(millis)) : 0
}

const parse = (options: UpstreamOptions): Effect.Effect<URL, UpstreamOptionsError> => {
  const url = URL.parse(options.baseUrl)
  const fault =
    url === null
      ? "is not a URL"
      : url.protocol !== "http:" && url.protocol !== "https:"
        ? "is neither http nor https"
        : url.username !== "" || url.password !== ""
          ? "must not carry a user or a password"
          : undefined
  return url === null || fault !== undefined
    ? Effect.fail(
        new UpstreamOptionsError({
          provider: options.provider,
          message: `The base URL of provider ${options.provider} ${fault}`
        })
      )
    : Effect.succeed(url)
}

/** In place of a look-up of the host's name. */
const pinned =
  (addresses: ReadonlyArray<LookupAddress>): LookupFunction =>
  (host, { all }, done) => {
    const [first] = addresses
    if (first === undefined) done(Object.assign(new Error(`${host} has no address`), { code: "ENOTFOUND" }), "")
    else if (all === true) done(null, [...addresses])
    else done(null, first.address, first.family)
  }

const connector = (options: UpstreamOptions, tls: SecureContext | undefined): buildConnector.connector => {
  const connect = buildConnector({
    allowH2: false,
    timeout: limit(options.connectTimeout),
    ...(tls === undefined ? {} : { secureContext: tls }),
    ...(options.addresses === undefined ? {} : { lookup: pinned(options.addresses) }),
    rejectUnauthorized: options.verifyTls !== false
  })
  return (origin, connected) =>
    connect(origin, (...outcome) =>
      outcome[0] === null ? connected(null, writeInBursts(outcome[1])) : connected(...outcome)
    )
}

/**
 * Connects to nothing yet. Connections are HTTP/1.1, one request at a time each, as many as there are requests, and live 30 s
 * unused or as long as the upstream's `Keep-Alive` says. One that the upstream closed meanwhile is noticed before a request is
 * written to it; one that closes under a written request fails it (`provider_unavailable`, retryable): whether the request may
 * be sent twice is the router's to say.
 */
export const make = Effect.fn("Upstream.make")(function* (
  options: UpstreamOptions
): Effect.fn.Return<Upstream, UpstreamOptionsError, Scope.Scope> {
  const url = yield* parse(options)
  const longest = options.headersTimeout ?? Duration.minutes(10)
  const tls = url.protocol === "https:" ? yield* secureContext(options) : undefined
  const pool = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new Pool(url.origin, {
          allowH2: false,
          pipelining: 1,
          connections: null,
          keepAliveTimeout: 30_000,
          headersTimeout: limit(longest),
          bodyTimeout: limit(options.idleTimeout),
          connect: connector(options, tls)
        })
    ),
    (pool) => Effect.promise(() => pool.destroy())
  )
  const prefix = url.pathname.replace(/\/+$/, "")
  const link: Link = {
    pool,
    options,
    longest: limit(longest) || Infinity,
    target: (path) => {
      const target = prefix + path
      if (url.search === "") return target === "" ? "/" : target
      return target.includes("?") ? `${target}&${url.search.slice(1)}` : target + url.search
    }
  }
  return {
    exchange: (request) => exchange(link, request),
    stream: (request, scope) => stream(link, request, scope)
  }
})
