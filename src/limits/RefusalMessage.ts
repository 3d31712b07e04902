import type { RateLimitReason } from "../domain/Errors.ts"

const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`

const inWords = (reason: RateLimitReason, limit: number): string => {
  switch (reason) {
    case "requests_per_minute":
      return `${plural(limit, "request")} per minute`
    case "requests_per_day":
      return `${plural(limit, "request")} per day (UTC)`
    case "tokens_per_minute":
      return `${plural(limit, "token")} per minute`
    case "tokens_per_day":
      return `${plural(limit, "token")} per day (UTC)`
    case "concurrency":
      return plural(limit, "simultaneous request")
    default:
      return `${limit} (${reason})`
  }
}

interface Refusal {
  readonly reason: RateLimitReason
  readonly limit: number
  readonly remaining: number
  readonly retryAfterMillis: number
}

/**
 * What a refused caller reads: which limit, how much of it is left where tokens are asked for, and when to come again.
 */
export const refusalMessage = (refusal: Refusal, tokens: number, model: string | undefined): string => {
  const { limit, reason, remaining, retryAfterMillis } = refusal
  const whose = model === undefined ? "" : ` for all callers of ${model} together`
  const reached = `The limit of ${inWords(reason, limit)}${whose} is reached`
  if (reason === "concurrency") return `${reached}; retry when ${limit === 1 ? "it" : "one of them"} has ended`
  const retry = `retry in ${waitInWords(retryAfterMillis)}`
  const asksForTokens = reason === "tokens_per_minute" || reason === "tokens_per_day"
  if (!asksForTokens) return `${reached}; ${retry}`
  return `${reached}: ${remaining} are left and this request is estimated at ${tokens}; ${retry}`
}

const waitInWords = (millis: number): string => {
  const seconds = Math.ceil(millis / 1000)
  if (seconds <= 120) return `${seconds} s`
  const minutes = Math.ceil(seconds / 60)
  if (minutes <= 120) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
