import { Effect } from "effect"
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls"
import { type UpstreamOptions, UpstreamOptionsError } from "./UpstreamOptions.ts"

const unusable = (options: UpstreamOptions, message: string, cause?: unknown) =>
  new UpstreamOptionsError({ provider: options.provider, message, ...(cause === undefined ? {} : { cause }) })

const read = (options: UpstreamOptions, what: string, file: string): Effect.Effect<string, UpstreamOptionsError> =>
  Effect.try({
    try: () => readFileSync(file, "utf8"),
    catch: (cause) => unusable(options, `The ${what} of provider ${options.provider} cannot be read: ${file}`, cause)
  })

const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** OpenSSL passes over what it cannot read in a bundle, and every handshake would then fail: it is checked here. */
const bundle = Effect.fnUntraced(function* (
  options: UpstreamOptions,
  file: string
): Effect.fn.Return<ReadonlyArray<string>, UpstreamOptionsError> {
  const found = (yield* read(options, "CA bundle", file)).match(certificates) ?? []
  const message = `The CA bundle of provider ${options.provider} holds no readable PEM certificate: ${file}`
  if (found.length === 0) return yield* unusable(options, message)
  yield* Effect.try({
    try: () => found.map((pem) => new X509Certificate(pem)),
    catch: (cause) => unusable(options, message, cause)
  })
  return found
})

/**
 * What every connection of a provider shares: Node's default roots (those of `NODE_EXTRA_CA_CERTS` among them), the provider's
 * own bundle beside them, and the client certificate. Made once, because parsing the roots costs more than a handshake.
 */
export const secureContext = Effect.fnUntraced(function* (
  options: UpstreamOptions
): Effect.fn.Return<SecureContext, UpstreamOptionsError> {
  const added = options.caBundleFile === undefined ? [] : yield* bundle(options, options.caBundleFile)
  const cert = options.certFile === undefined ? undefined : yield* read(options, "client certificate", options.certFile)
  const key = options.keyFile === undefined ? undefined : yield* read(options, "client key", options.keyFile)
  return yield* Effect.try({
    try: () =>
      createSecureContext({
        ...(added.length === 0 ? {} : { ca: [...getCACertificates("default"), ...added] }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key })
      }),
    catch: (cause) =>
      unusable(options, `The client certificate and key of provider ${options.provider} cannot be used`, cause)
  })
})
