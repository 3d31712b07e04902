import { Duration, Effect, Schedule } from "effect"
import type { ProviderError, RateLimitError } from "../domain/Errors.ts"

/**
 * Most calls of providers for one request, beside one call of each candidate: so a lone candidate is asked twice, and of two or more
 * each once. Clients try again too, and their tries multiply with ours.
 */
export const defaultAttempts = 2

/** Longer than that nobody is kept waiting: the client is told how long instead. */
export const longestPause = 10_000

/** 250 ms, doubled each time, a fifth more or less, so that those who failed together do not come back together. */
const backoff = Schedule.exponential("250 millis").pipe(Schedule.jittered)

/** The pauses of one request, one after the other, in whole milliseconds. */
export const pauses: Effect.Effect<Effect.Effect<number>> = Effect.map(Schedule.toStep(backoff), (step) =>
  Effect.suspend(() => step(0, undefined)).pipe(
    Effect.map(([, pause]) => Math.ceil(Duration.toMillis(pause))),
    // It never ends by itself.
    Effect.orElseSucceed(() => longestPause)
  )
)

/**
 * Whether the same candidate may answer when it is asked again. Not after a timer that has let the caller wait long enough already,
 * and not after an answer that could not be read: that is seldom better the next time, and has been paid for.
 */
export const isWorthAsking = (failure: ProviderError | RateLimitError): boolean => {
  if (!failure.isRetryable) return false
  if (failure._tag === "RateLimitError") return true
  switch (failure.reason) {
    case "provider_timeout":
      return failure.timer === undefined || failure.timer === "connect"
    case "provider_invalid_answer":
    case "circuit_open":
      return false
    default:
      return true
  }
}
