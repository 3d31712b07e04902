import type { Attempt } from "../domain/Attempt.ts"
import { ProviderError, type ProviderFailure, RateLimitError, type ValidationError } from "../domain/Errors.ts"
import { UnfitAnswer } from "../providers/UnfitAnswer.ts"
import type { Candidate } from "./Policy.ts"
import type { Run } from "./Run.ts"

/** What is not the caller's fault. */
export type OwnFailure = Exclude<ProviderFailure, ValidationError>

export const nobody = new ProviderError({
  reason: "provider_unavailable",
  message: "No provider is left that could serve this request",
  provider: "none"
})

export const noContent = ({ provider }: Candidate) =>
  new ProviderError({
    reason: "provider_invalid_answer",
    message: `${provider.name} ended its answer without giving one`,
    provider: provider.name
  })

export const timedOut = ({ provider }: Candidate, timer: "first_token" | "total") =>
  new ProviderError({
    reason: "provider_timeout",
    message:
      timer === "total"
        ? `${provider.name} did not finish its answer in time`
        : `${provider.name} did not begin to answer in time`,
    provider: provider.name,
    timer
  })

export const circuitOpen = ({ model, provider }: Candidate, retryAfterMillis: number, because: string | undefined) =>
  new ProviderError({
    reason: "circuit_open",
    message: `${provider.name}/${model} has failed again and again${because === undefined ? "" : ` (${because})`} and is left alone for a while`,
    provider: provider.name,
    retryAfterMillis
  })

/**
 * Whether the provider is away or broken, as against one that works and would not: what it refuses for the caller's sake, for its own
 * limit's or for our account's tells that it is there, and so does an answer that only does not fit.
 */
export const isOutage = (failure: ProviderFailure): boolean => {
  if (failure._tag !== "ProviderError" || failure instanceof UnfitAnswer) return false
  const { reason, upstreamStatus } = failure
  switch (reason) {
    case "provider_rejected_credentials":
    case "circuit_open":
      return false
    case "provider_failed":
      return upstreamStatus === undefined || upstreamStatus >= 500 || upstreamStatus === 408
    default:
      return true
  }
}

/**
 * What the gateway itself found wrong with the request when it was called, such as an address without an image: the provider has not
 * been asked, so it says nothing of it.
 */
export const isOwnRefusal = (failure: ProviderFailure): boolean =>
  failure._tag === "ValidationError" &&
  (failure.reason === "invalid_body" || failure.reason === "unsupported_parameter")

/** A try that failed, as the caller and the ledger are told of it. */
export const toldOf = ({ model, provider }: Candidate, failure: OwnFailure, millis: number): Attempt => ({
  provider: provider.name,
  model,
  status: "failed",
  reason: failure.reason,
  latency_ms: Math.round(millis)
})

/** The failure that is told, with all that was tried, and what that has used in vain. */
export const withAttempts = (
  failure: OwnFailure,
  { attempts, usage }: Pick<Run<unknown>, "attempts" | "usage">
): OwnFailure => {
  if (attempts.length === 0) return failure
  if (failure._tag === "RateLimitError") {
    const { limit, message, provider, reason, remaining, retryAfterMillis } = failure
    return new RateLimitError({
      reason,
      message,
      retryAfterMillis,
      attempts,
      ...(limit === undefined ? {} : { limit }),
      ...(remaining === undefined ? {} : { remaining }),
      ...(provider === undefined ? {} : { provider })
    })
  }
  const { reason, message, provider, upstreamStatus, upstreamMessage, timer, retryAfterMillis, cause } = failure
  return new ProviderError({
    reason,
    message,
    provider,
    attempts,
    ...(upstreamStatus === undefined ? {} : { upstreamStatus }),
    ...(upstreamMessage === undefined ? {} : { upstreamMessage }),
    ...(timer === undefined ? {} : { timer }),
    ...(retryAfterMillis === undefined ? {} : { retryAfterMillis }),
    ...(usage === undefined ? {} : { usage }),
    ...(cause === undefined ? {} : { cause })
  })
}
