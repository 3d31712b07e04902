import { Clock, Effect, Fiber, Redacted, type Scope } from "effect"
import type { ProviderError } from "../../domain/Errors.ts"
import type { Credentials } from "../Credentials.ts"

export interface Token {
  readonly value: Redacted.Redacted
  /** Unix milliseconds. */
  readonly expiresAt: number
}

type Headers = Readonly<Record<string, string>>

interface Held {
  readonly headers: Headers
  /** From then on a new token is fetched, while this one still serves. */
  readonly renewAt: number
  readonly endsAt: number
}

interface Failed {
  readonly error: ProviderError
  /** Until then nobody tries again where it makes no sense, or where nobody waits. */
  readonly until: number
}

/** How long before its end a token is renewed. */
const margin = 60_000

/** A fresh token is trusted for that long at least, so that a wrong clock does not have one fetched for each request. */
const shortestLife = 60_000

const pause = 1000
const longestPause = 60_000

/**
 * A token that ends, kept fresh. One fetch runs at a time, whoever asks, and nobody who leaves stops it for the others. While the
 * old token is good nobody waits for the new one.
 *
 * A fetch that was refused for good is not repeated within a second, nor one that was put off within the time it was put off
 * for: all callers have its failure. After any other failure the next caller tries again.
 */
export const make = Effect.fnUntraced(function* (
  fetch: Effect.Effect<Token, ProviderError>
): Effect.fn.Return<Credentials, never, Scope.Scope> {
  const scope = yield* Effect.scope
  let held: Held | undefined
  let failed: Failed | undefined
  let flight: Fiber.Fiber<Headers, ProviderError> | undefined

  const keep = Effect.fnUntraced(function* (token: Token) {
    const now = yield* Clock.currentTimeMillis
    const endsAt = Math.max(token.expiresAt, now + shortestLife)
    const headers = { authorization: `Bearer ${Redacted.value(token.value)}` }
    held = { headers, endsAt, renewAt: Math.max(endsAt - margin, now + (endsAt - now) / 2) }
    failed = undefined
    return headers
  })

  const remember = Effect.fnUntraced(function* (error: ProviderError) {
    const now = yield* Clock.currentTimeMillis
    const isNews = failed?.error.message !== error.message
    failed = { error, until: now + Math.min(Math.max(error.retryAfterMillis ?? 0, pause), longestPause) }
    // One line for each way to fail, however many callers it hits.
    if (isNews) yield* error.isRetryable ? Effect.logWarning(error.message) : Effect.logError(error.message)
  })

  const renewal = Effect.flatMap(fetch, keep).pipe(
    Effect.tapError(remember),
    Effect.ensuring(
      Effect.sync(() => {
        flight = undefined
      })
    )
  )

  const renew = Effect.uninterruptible(
    Effect.suspend(() =>
      flight === undefined
        ? Effect.tap(Effect.forkIn(renewal, scope), (fiber) =>
            Effect.sync(() => {
              flight = fiber
            })
          )
        : Effect.succeed(flight)
    )
  )

  const awaited = (now: number): Effect.Effect<Headers, ProviderError> => {
    const error = failed !== undefined && now < failed.until ? failed.error : undefined
    const isFinal = error !== undefined && (!error.isRetryable || error.retryAfterMillis !== undefined)
    return isFinal ? Effect.fail(error) : Effect.flatMap(renew, Fiber.join)
  }

  return {
    headers: Effect.flatMap(Clock.currentTimeMillis, (now) => {
      if (held === undefined || now >= held.endsAt) return awaited(now)
      const { headers, renewAt } = held
      const isDue = now >= renewAt && (failed === undefined || now >= failed.until)
      return isDue ? Effect.as(renew, headers) : Effect.succeed(headers)
    }),
    refused: (headers) =>
      Effect.sync(() => {
        if (held?.headers["authorization"] === headers["authorization"]) held = undefined
        return true
      })
  }
})
