import type { Effect, Redacted, Scope } from "effect"
import { gigachatDefaults } from "../../config/Defaults.ts"
import type { Provider } from "../Provider.ts"
import { type TransportOptions, transportOf } from "../TransportOptions.ts"
import type { UpstreamOptionsError } from "../UpstreamOptions.ts"
import * as GigaChat from "./GigaChat.ts"

/** One of `credentials`, `accessToken`, or `certFile` with `keyFile`. */
export interface GigaChatOptions extends TransportOptions {
  /** The authorization key as Sber gives it: base64 of `client_id:client_secret`. */
  readonly credentials?: Redacted.Redacted
  /** A ready access token, never refreshed. */
  readonly accessToken?: Redacted.Redacted
  /** `GIGACHAT_API_PERS` unless given. */
  readonly scope?: string
  /** With its version; the vendor's public hosts, each for its models, unless given. */
  readonly baseUrl?: string
  /** The whole URL of the token endpoint; the vendor's unless given. */
  readonly authUrl?: string
  /** False: anybody may answer in GigaChat's name. */
  readonly verifySslCerts?: boolean
  /** Client certificate and key (PEM files) for mutual TLS. */
  readonly certFile?: string
  readonly keyFile?: string
}

/**
 * GigaChat of Sber; `gigachat` by name unless given another. Connects to nothing yet, and fails only where the options cannot be used; the
 * connections live as long as the scope.
 */
export const make = (options: GigaChatOptions): Effect.Effect<Provider, UpstreamOptionsError, Scope.Scope> =>
  GigaChat.make(
    options.name ?? "gigachat",
    {
      kind: "gigachat",
      credentials: options.credentials,
      accessToken: options.accessToken,
      scope: options.scope ?? gigachatDefaults.scope,
      baseUrl: options.baseUrl,
      authUrl: options.authUrl ?? gigachatDefaults.authUrl,
      caBundleFile: options.caBundleFile,
      verifySslCerts: options.verifySslCerts ?? true,
      certFile: options.certFile,
      keyFile: options.keyFile,
      concurrency: undefined
    },
    transportOf(options)
  )
