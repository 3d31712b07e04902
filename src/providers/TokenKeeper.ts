import { Clock, Duration, Effect, Fiber, Redacted, type Scope } from "effect"
import type { ProviderError } from "../domain/Errors.ts"
import type { Credentials } from "./Credentials.ts"

/** A bearer token that ends. */
export interface Token {
  readonly value: Redacted.Redacted
  /** Unix milliseconds. */
  readonly expiresAt: number
}

type Headers = Readonly<Record<string, string>>

/** Milliseconds of the monotonic clock, since a time of day that is set back would make a token live on here. */
interface Held {
  readonly headers: Headers
  /** From then on a new token is fetched, while this one still serves. */
  readonly renewAt: number
  /** From then on nobody is served with it. */
  readonly endsAt: number
  /** The same in Unix milliseconds: the other clock stands still while a machine sleeps. */
  readonly endsAtTime: number
}

interface Failed {
  readonly error: ProviderError
  /** Until then, by the monotonic clock, all have this failure, if another try could not end otherwise. */
  readonly until: number
}

const second = 1000
const minute = 60_000

/** A token is renewed so long before its end, a short one at half its life. */
const margin = minute

/** What a request with the token may need to arrive, and how far the clocks may be apart. */
const travel = 10 * second

/** A fresh token is trusted for so long at least, so that a wrong clock does not have one fetched for each request. */
const shortestLife = minute

const longestWait = minute

const monotonicMillis = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
const monotonic = Clock.clockWith((clock) => Effect.succeed(monotonicMillis(clock)))

/**
 * A token that ends, kept fresh. One fetch runs at a time, whoever asks, and nobody who leaves stops it for the others. While the
 * old token is good nobody waits for the new one, and it outlives an endpoint that is away.
 *
 * A fetch that was refused for good is not repeated within a second, nor one that was put off within the time it was put off
 * for: all callers have its failure. After any other failure the next caller tries again.
 *
 * With `longestUse` a token is renewed after that time, however long it lives.
 */
export const make = Effect.fnUntraced(function* (
  fetch: Effect.Effect<Token, ProviderError>,
  longestUse: Duration.Duration = Duration.infinity
): Effect.fn.Return<Credentials, never, Scope.Scope> {
  const scope = yield* Effect.scope
  let held: Held | undefined
  let failed: Failed | undefined
  let flight: Fiber.Fiber<Headers, ProviderError> | undefined

  const keep = Effect.fnUntraced(function* ({ value, expiresAt }: Token) {
    const [now, time] = [yield* monotonic, yield* Clock.currentTimeMillis]
    const life = Math.max(expiresAt - time, shortestLife)
    const use = life - Math.min(travel, life / 20)
    const headers = { authorization: `Bearer ${Redacted.value(value)}` }
    held = {
      headers,
      renewAt: now + Math.min(Math.max(life - margin, life / 2), Duration.toMillis(longestUse)),
      endsAt: now + use,
      endsAtTime: time + use
    }
    failed = undefined
    return headers
  })

  const remember = Effect.fnUntraced(function* (error: ProviderError) {
    const now = yield* monotonic
    const wait = Math.min(Math.max(error.retryAfterMillis ?? 0, second), longestWait)
    const isNews = failed?.error.message !== error.message
    failed = { error, until: now + wait }
    const left = held === undefined ? 0 : held.endsAt - now
    // Often enough to have a new token before the old one ends, and not more than twice a minute where there is time.
    if (held !== undefined) held = { ...held, renewAt: now + Math.max(wait, Math.min(left / 20, 30 * second)) }
    // One line for each way to fail, however many callers it hits.
    if (!isNews) return
    const line = left > 0 ? `${error.message}; the old token serves on` : error.message
    yield* error.isRetryable ? Effect.logWarning(line) : Effect.logError(line)
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
    headers: Clock.clockWith((clock) => {
      const now = monotonicMillis(clock)
      if (held === undefined || now >= held.endsAt || clock.currentTimeMillisUnsafe() >= held.endsAtTime) {
        return awaited(now)
      }
      return now < held.renewAt ? Effect.succeed(held.headers) : Effect.as(renew, held.headers)
    }),
    refused: (headers) =>
      Effect.sync(() => {
        if (held?.headers["authorization"] === headers["authorization"]) held = undefined
        return true
      })
  }
})
