import { Duration } from "effect"
import * as AiError from "effect/ai/AiError"
import type { ProviderError, ProviderFailure, RateLimitError, ValidationError } from "../domain/Errors.ts"

/** Where a failure came up, as `AiError` tells it. */
export interface Place {
  readonly module: "XRouterLanguageModel" | "XRouterEmbeddingModel"
  readonly method: string
}

/**
 * A failure of ours in Effect's words. Our own reason travels in the metadata, under `xrouter`: `code`, `reason`, `provider` and what
 * else is known of it; of a connection that failed, whose reason has no metadata, as the `cause`.
 */
export const aiError = (place: Place, failure: ProviderFailure): AiError.AiError =>
  AiError.make({ ...place, reason: reasonOf(failure) })

const reasonOf = (failure: ProviderFailure): AiError.AiErrorReason => {
  switch (failure._tag) {
    case "ValidationError":
      return ofValidation(failure)
    case "RateLimitError":
      return ofRateLimit(failure)
    case "ProviderError":
      return ofProvider(failure)
  }
}

const ofValidation = (failure: ValidationError) =>
  new AiError.InvalidRequestError({
    description: failure.message,
    ...(failure.param === undefined ? {} : { parameter: failure.param }),
    metadata: { xrouter: { ...about(failure), ...providerOf(failure) } }
  })

const ofRateLimit = (failure: RateLimitError) => {
  const metadata = { xrouter: { ...about(failure), ...providerOf(failure), ...triesOf(failure) } }
  return failure.reason === "budget"
    ? new AiError.QuotaExhaustedError({ metadata })
    : new AiError.RateLimitError({ retryAfter: Duration.millis(failure.retryAfterMillis), metadata })
}

const ofProvider = (failure: ProviderError): AiError.AiErrorReason => {
  const { message: description, reason, retryAfterMillis, timer, upstreamMessage, upstreamStatus } = failure
  const metadata = {
    xrouter: {
      ...about(failure),
      provider: failure.provider,
      ...(upstreamStatus === undefined ? {} : { upstreamStatus }),
      ...(upstreamMessage === undefined ? {} : { upstreamMessage }),
      ...(timer === undefined ? {} : { timer }),
      ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
      ...triesOf(failure)
    }
  }
  switch (reason) {
    case "provider_rejected_credentials":
      return new AiError.AuthenticationError({ kind: kindOf(failure), description, metadata })
    case "provider_invalid_answer":
      return new AiError.InvalidResponseError({ description, metadata })
    case "provider_unavailable":
      return unreachable(failure)
    case "provider_timeout":
      return timer === "connect" ? unreachable(failure) : new AiError.InternalProviderError({ description, metadata })
    case "provider_tls":
    case "provider_failed":
    case "circuit_open":
      // What will not pass by itself must not look as if it were worth another try.
      return failure.isRetryable
        ? new AiError.InternalProviderError({ description, metadata })
        : new AiError.UnknownError({ description, metadata })
  }
}

/** Hosts are not told: of the address there is the provider's name. */
const unreachable = (failure: ProviderError) =>
  new AiError.NetworkError({
    reason: "TransportError",
    method: "POST",
    url: failure.provider,
    description: failure.message,
    cause: failure
  })

const kindOf = ({ upstreamStatus }: ProviderError) => {
  switch (upstreamStatus) {
    case 401:
      return "InvalidKey"
    case 403:
      return "InsufficientPermissions"
    default:
      return "Unknown"
  }
}

const about = ({ code, reason }: ProviderFailure) => ({ code, reason })

const providerOf = ({ provider }: ValidationError | RateLimitError) => (provider === undefined ? {} : { provider })

const triesOf = ({ attempts }: ProviderError | RateLimitError) =>
  attempts === undefined ? {} : { attempts: attempts.map((attempt) => ({ ...attempt })) }
