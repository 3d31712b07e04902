import { Clock, Duration, Effect, Fiber, type Scope } from "effect"
import type { ProviderError } from "../../domain/Errors.ts"
import type { Credentials } from "../Credentials.ts"

/** A bearer token that ends. */
export interface Token {
  readonly value: string
  /** Unix milliseconds. */
  readonly expiresAt: number
}

interface Held {
  readonly headers: Readonly<Record<string, string>>
  /** From here on a new one is fetched, while this one still serves. */
  readonly renewAt: number
  /** From here on nobody is served with it. */
  readonly endsAt: number
}

/** A token is renewed after an hour, or a fifth of its life before its end. */
const longestUse = Duration.toMillis("1 hour")
/** A clock that is ahead, or an end that cannot be right, must not have a token fetched for each request. */
const shortestLife = Duration.toMillis("1 minute")
const pauseAfterFailure = Duration.toMillis("30 seconds")

/**
 * Credentials of a token that `fetch` gets anew. However many ask, one fetch runs at a time and all have its outcome; a caller
 * who leaves does not stop it. A token that needs renewal but has not ended serves on meanwhile, and outlives a token endpoint
 * that is away.
 */
export const make = Effect.fnUntraced(function* (
  fetch: Effect.Effect<Token, ProviderError>
): Effect.fn.Return<Credentials, never, Scope.Scope> {
  const scope = yield* Effect.scope
  let held: Held | undefined
  let fetching: Fiber.Fiber<Held, ProviderError> | undefined

  const renew = Effect.gen(function* () {
    const { value, expiresAt } = yield* fetch
    const now = yield* Clock.currentTimeMillis
    const life = Math.max(expiresAt - now, shortestLife)
    held = {
      headers: { authorization: `Bearer ${value}` },
      renewAt: now + Math.min(longestUse, life * 0.8),
      endsAt: now + life * 0.95
    }
    return held
  }).pipe(
    Effect.tapError((error) =>
      Effect.gen(function* () {
        if (held === undefined) return
        held = { ...held, renewAt: (yield* Clock.currentTimeMillis) + pauseAfterFailure }
        // Nobody waits for this one, so nobody else would hear of it.
        yield* Effect.logWarning(`The old token serves on: ${error.message}`)
      })
    ),
    Effect.ensuring(
      Effect.sync(() => {
        fetching = undefined
      })
    )
  )

  const fetched = Effect.uninterruptible(
    Effect.suspend(() =>
      fetching !== undefined
        ? Effect.succeed(fetching)
        : Effect.map(Effect.forkIn(renew, scope), (fiber) => {
            fetching = fiber
            return fiber
          })
    )
  )

  return {
    headers: Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const serving = held !== undefined && now < held.endsAt ? held : undefined
      if (serving === undefined) return Effect.map(Effect.flatMap(fetched, Fiber.join), ({ headers }) => headers)
      return now < serving.renewAt ? Effect.succeed(serving.headers) : Effect.as(fetched, serving.headers)
    }),
    refused: (headers) =>
      Effect.sync(() => {
        if (held?.headers["authorization"] === headers["authorization"]) held = undefined
        return true
      })
  }
})
