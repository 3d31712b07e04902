import type { Duration, Effect, Scope, Stream } from "effect"
import type { ProviderError } from "../domain/Errors.ts"

/** Where a provider is and how its TLS is checked. */
export interface UpstreamOptions {
  readonly provider: string
  /** Scheme, host and path prefix; every request's path is appended. */
  readonly baseUrl: string
  /** PEM file, added to the system's roots for this provider alone. */
  readonly caBundleFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** False only by the operator's explicit wish; a warning is logged at start. */
  readonly verifyTls?: boolean | undefined
  /** The variable that sets `caBundleFile`, named in the message of a failed TLS handshake. */
  readonly caBundleVariable?: string | undefined
  readonly connectTimeout: Duration.Duration
  /** Longest silence between two pieces of an answer. */
  readonly idleTimeout: Duration.Duration
}

export interface UpstreamRequest {
  readonly method: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
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
}

/**
 * The one transport: undici's dispatcher, wrapped once. Interrupting an effect, or closing its scope, destroys the
 * upstream's socket at once. Redirects are not followed.
 */
export interface Upstream {
  /** The whole answer, whatever its status. */
  readonly exchange: (request: UpstreamRequest) => Effect.Effect<UpstreamAnswer, ProviderError>
  /** The answer as it comes, after its headers. */
  readonly stream: (request: UpstreamRequest) => Effect.Effect<UpstreamStream, ProviderError, Scope.Scope>
}
