import { Duration } from "effect"
import { ProviderError } from "../domain/Errors.ts"
import type { UpstreamOptions } from "./UpstreamOptions.ts"

/** How far a request had come: no connection yet; nothing of the answer; its headers had come. */
export type Phase = "connecting" | "waiting" | "reading"

const codeOf = (error: Error): string => ("code" in error && typeof error.code === "string" ? error.code : "")

/** OpenSSL's verification results, and every failure of the handshake itself. */
const isTls = (code: string): boolean =>
  code.startsWith("ERR_SSL_") ||
  code.startsWith("ERR_TLS_") ||
  code.startsWith("CERT_") ||
  code.startsWith("CRL_") ||
  code.startsWith("UNABLE_TO_") ||
  code === "DEPTH_ZERO_SELF_SIGNED_CERT" ||
  code === "SELF_SIGNED_CERT_IN_CHAIN" ||
  code === "INVALID_CA" ||
  code === "INVALID_PURPOSE" ||
  code === "HOSTNAME_MISMATCH" ||
  code === "EPROTO"

const isUntrusted = (code: string): boolean =>
  code.startsWith("UNABLE_TO_") || code === "DEPTH_ZERO_SELF_SIGNED_CERT" || code === "SELF_SIGNED_CERT_IN_CHAIN"

const tlsMessage = (options: UpstreamOptions, code: string): string => {
  const said = `The TLS connection to ${options.provider} failed (${code})`
  if (!isUntrusted(code)) return said
  return options.caBundleVariable === undefined
    ? `${said}: its certificate is not trusted`
    : `${said}: its certificate is not trusted; set ${options.caBundleVariable} to a PEM file of its CA`
}

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused the connection",
  ENOTFOUND: "has a host name that does not resolve",
  EAI_AGAIN: "has a host name that cannot be resolved just now",
  EHOSTUNREACH: "is not reachable",
  ENETUNREACH: "is not reachable",
  UND_ERR_DESTROYED: "is not called any more: the gateway is shutting down",
  UND_ERR_CLOSED: "is not called any more: the gateway is shutting down"
}

export const connectTimedOut = ({ provider }: UpstreamOptions, millis: number, cause?: Error): ProviderError =>
  new ProviderError({
    provider,
    reason: "provider_timeout",
    message: `${provider} took no connection within ${Duration.format(Duration.millis(millis))}`,
    timer: "connect",
    ...(cause === undefined ? {} : { cause })
  })

export const totalTimedOut = ({ provider }: UpstreamOptions): ProviderError =>
  new ProviderError({
    provider,
    reason: "provider_timeout",
    message: `${provider} did not finish its answer in time`,
    timer: "total"
  })

/** What went wrong below HTTP, in the words of the contract. Host names and addresses stay in `cause`. */
export const transportFailure = (options: UpstreamOptions, phase: Phase, error: Error): ProviderError => {
  const { provider } = options
  const code = codeOf(error)
  const failure = (reason: ProviderError["reason"], message: string, timer?: ProviderError["timer"]) =>
    new ProviderError({ provider, reason, message, cause: error, ...(timer === undefined ? {} : { timer }) })

  switch (code) {
    case "UND_ERR_CONNECT_TIMEOUT":
    case "ETIMEDOUT":
      return phase === "reading"
        ? failure("provider_failed", `The connection to ${provider} was lost in the middle of its answer`)
        : connectTimedOut(options, Duration.toMillis(options.connectTimeout), error)
    case "UND_ERR_HEADERS_TIMEOUT":
      return failure("provider_timeout", `${provider} did not begin to answer in time`, "first_token")
    case "UND_ERR_BODY_TIMEOUT":
      return failure(
        "provider_timeout",
        `${provider} was silent for ${Duration.format(options.idleTimeout)} in the middle of its answer`,
        "idle"
      )
    case "UND_ERR_HEADERS_OVERFLOW":
      return failure("provider_invalid_answer", `${provider} sent response headers that are too large`)
    case "UND_ERR_INVALID_ARG":
    case "UND_ERR_NOT_SUPPORTED":
      return failure("provider_failed", `The request to ${provider} cannot be written: ${error.message}`)
  }
  if (isTls(code)) return failure("provider_tls", tlsMessage(options, code))
  // The parser's errors carry no code; an end of the connection that it did not expect is a cut, and told below.
  if (error.name === "HTTPParserError" && !/EOF/i.test(error.message)) {
    return failure("provider_invalid_answer", `${provider} did not answer in HTTP`)
  }
  const why = unreachable[code]
  if (why !== undefined) return failure("provider_unavailable", `${provider} ${why}`)
  switch (phase) {
    case "connecting":
      return failure("provider_unavailable", `No connection to ${provider} could be made`)
    case "waiting":
      return failure("provider_unavailable", `${provider} closed the connection before it answered`)
    case "reading":
      return failure("provider_failed", `${provider} closed the connection in the middle of its answer`)
  }
}
