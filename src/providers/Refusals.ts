import { ProviderError, type ProviderFailure, RateLimitError, ValidationError } from "../domain/Errors.ts"
import { retryAfterMillis } from "../domain/RetryAfter.ts"
import type { Refusal } from "./Dialect.ts"
import { upstreamMessage } from "./Masking.ts"

/** A refusal as its dialect read it. */
export interface Refused {
  readonly provider: string
  /** The answer's status; of an error inside a 200, the status that the error itself names, if it does. */
  readonly status: number | undefined
  readonly headers?: Refusal["headers"] | undefined
  /** The upstream's own words, not masked yet; may be empty. */
  readonly message: string
  /** OpenAI's `code` or `type`, where the upstream has the like. */
  readonly code?: string | undefined
  readonly param?: string | undefined
  /** What must not be told in any case: our key, our folder id. */
  readonly secrets?: ReadonlyArray<string> | undefined
}

const tooLong =
  /context[ _-]?(?:length|window|size|limit)|maximum (?:context|prompt)|(?:prompt|input|request) (?:is )?too (?:long|large)|too many (?:input )?tokens|tokens? (?:limit )?exceed|exceeds? (?:the )?(?:max|model)\S{0,40} .{0,40}tokens?|слишком (?:длинн|больш|много токен)|превыш\S{0,40} .{0,40}(?:контекст|токен)/i
/** Of what an upstream says, which may be all that it was asked. */
const readLimit = 4096
const ofModel = /model|модел/i
const ofCredentials =
  /^(?:invalid_api_key|invalid_authentication|authentication_error|permission_denied|account_deactivated)$/
const ofBalance =
  /^(?:insufficient_quota|insufficient_balance|insufficient_funds|payment_required|billing_hard_limit_reached)$/

/**
 * The one translation of an upstream's refusal. What the caller did wrong is a `ValidationError`; our key, our balance and our
 * base URL are the operator's, so a `ProviderError`: an upstream that is out of money is `provider_failed` (not retryable), never a
 * rate limit that the caller could wait out.
 */
export const refusalFailure = (refused: Refused): ProviderFailure => {
  const { provider, status, code = "", headers } = refused
  const said = upstreamMessage(refused.message, refused.secrets)
  const colon = said === "" ? "" : `: ${said}`
  const retryAfter = retryAfterMillis(headers)

  const failed = (reason: ProviderError["reason"], message: string) =>
    new ProviderError({
      provider,
      reason,
      message,
      ...(status === undefined ? {} : { upstreamStatus: status }),
      ...(said === "" ? {} : { upstreamMessage: said }),
      ...(retryAfter === undefined ? {} : { retryAfterMillis: retryAfter })
    })
  const rejected = (reason: ValidationError["reason"], message: string) =>
    new ValidationError({
      provider,
      reason,
      message,
      ...(refused.param === undefined ? {} : { param: refused.param })
    })

  if (status === 402 || ofBalance.test(code)) {
    return failed("provider_failed", `${provider} does not serve: the quota or balance of its account is used up`)
  }
  if (status === 401 || status === 403 || ofCredentials.test(code)) {
    return failed("provider_rejected_credentials", `${provider} rejected the gateway's credentials`)
  }
  switch (status) {
    case 400:
    case 409:
    case 413:
    case 422:
      if (code === "model_not_found") return rejected("model_not_found", `${provider} does not have this model${colon}`)
      return code === "context_length_exceeded" || tooLong.test(refused.message.slice(0, readLimit))
        ? rejected("context_length_exceeded", `The request is too long for this model${colon}`)
        : rejected("provider_rejected_request", `${provider} rejected the request${colon}`)
    case 404:
      // Else the endpoint itself is not there: a base URL that is wrong.
      return code === "model_not_found" || ofModel.test(said)
        ? rejected("model_not_found", `${provider} does not have this model${colon}`)
        : failed("provider_failed", `${provider} has no such endpoint; its base URL may be wrong`)
    case 429:
      return new RateLimitError({
        provider,
        reason: "provider_rate_limit",
        message: `${provider} limits the rate of requests${colon}`,
        retryAfterMillis: retryAfter ?? 1000
      })
    case 503:
    case 529:
      return failed("provider_unavailable", `${provider} is not available just now`)
    case 504:
      return failed("provider_timeout", `${provider} did not get an answer in time`)
  }
  if (status === undefined) return failed("provider_failed", `${provider} reported an error in place of an answer`)
  return status >= 400
    ? failed("provider_failed", `${provider} failed with status ${status}`)
    : failed("provider_invalid_answer", `${provider} answered with something else than an answer (status ${status})`)
}
