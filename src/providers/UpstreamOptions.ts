import { type Duration, Schema } from "effect"
import type { LookupAddress } from "node:dns"

/** Where a provider is and how its TLS is checked. */
export interface UpstreamOptions {
  readonly provider: string
  /** Scheme, host and path prefix; every request's path is appended. */
  readonly baseUrl: string
  /** Where the host is, looked up and checked already: nothing else is connected to. */
  readonly addresses?: ReadonlyArray<LookupAddress> | undefined
  /** PEM file, added to the system's roots for this provider alone. */
  readonly caBundleFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** False only by the operator's explicit wish, of which the provider warns at start. */
  readonly verifyTls?: boolean | undefined
  /** The variable that sets `caBundleFile`, named in the message of a failed TLS handshake. */
  readonly caBundleVariable?: string | undefined
  /** Whether it is told which trace a request belongs to. */
  readonly propagateTrace?: boolean | undefined
  readonly connectTimeout: Duration.Duration
  /** Longest silence between two pieces of an answer. */
  readonly idleTimeout: Duration.Duration
  /** Longest wait for an answer's headers, and for all of one that comes whole; the router's own timers are shorter. 10 minutes unless given. */
  readonly headersTimeout?: Duration.Duration | undefined
}

/** The options cannot be used: a URL that is none, a PEM file that cannot be read. Found at start, before any request. */
export class UpstreamOptionsError extends Schema.TaggedError<UpstreamOptionsError>()("UpstreamOptionsError", {
  provider: Schema.String,
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {}
