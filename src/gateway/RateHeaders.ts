import type { Windows, WindowState } from "../limits/LimiterStore.ts"

/**
 * How the limits stand, on every inference answer (CONTRACT, "Rate limits"): OpenAI's six headers, and the three older ones for
 * the request window that is nearest to its end. Where no limit holds nothing is said. Written into `headers`.
 */
export const rateHeaders = (
  windows: Windows,
  nowMillis: number,
  headers: Record<string, string> = {}
): Record<string, string> => {
  const requests = tightest(windows.requestsPerMinute, windows.requestsPerDay)
  if (requests !== undefined) {
    headers["x-ratelimit-limit-requests"] = String(requests.limit)
    headers["x-ratelimit-remaining-requests"] = String(requests.remaining)
    headers["x-ratelimit-reset-requests"] = goDuration(requests.resetMillis)
    headers["x-ratelimit-limit"] = String(requests.limit)
    headers["x-ratelimit-remaining"] = String(requests.remaining)
    headers["x-ratelimit-reset"] = String(Math.ceil((nowMillis + requests.resetMillis) / 1000))
  }
  const tokens = tightest(windows.tokensPerMinute, windows.tokensPerDay)
  if (tokens !== undefined) {
    headers["x-ratelimit-limit-tokens"] = String(tokens.limit)
    headers["x-ratelimit-remaining-tokens"] = String(tokens.remaining)
    headers["x-ratelimit-reset-tokens"] = goDuration(tokens.resetMillis)
  }
  return headers
}

/** The window with the least left; of two alike, the one that lasts longer. */
const tightest = (a: WindowState | undefined, b: WindowState | undefined): WindowState | undefined => {
  if (a === undefined || b === undefined) return a ?? b
  if (a.remaining !== b.remaining) return a.remaining < b.remaining ? a : b
  return a.resetMillis >= b.resetMillis ? a : b
}

/** As Go prints a duration, and so OpenAI: `120ms`, `1s`, `6m0s`, `23h59m1.5s`. */
export const goDuration = (millis: number): string => {
  const whole = Math.max(0, Math.ceil(millis))
  if (whole === 0) return "0s"
  if (whole < 1000) return `${whole}ms`
  const hours = Math.floor(whole / 3_600_000)
  const minutes = Math.floor((whole % 3_600_000) / 60_000)
  const seconds = (whole % 60_000) / 1000
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}
