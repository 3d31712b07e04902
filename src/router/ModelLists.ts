import { type Clock, Deferred, Duration, Effect, Exit, Scope } from "effect"
import { ProviderError } from "../domain/Errors.ts"
import type { Provider, ProviderModel } from "../providers/Provider.ts"

/** So long a list is good; after that whoever asks still gets it, and a new one is fetched behind their back. */
const freshFor = Duration.toMillis("10 minutes")

/** How long a provider that did not list its models is left alone. */
const pauseFor = Duration.toMillis("10 seconds")

/** Whoever asks for all models waits no longer for one provider's first list. */
const patience: Duration.Input = "5 seconds"

/** One provider's list of models. */
export interface ModelList {
  /** Never fails: what the provider listed last; before it has listed any, what its vendor documents. */
  readonly models: Effect.Effect<ReadonlyArray<ProviderModel>>
  readonly isListed: () => boolean
  /** The provider is not asked any more, and nobody waits for it. */
  readonly end: Effect.Effect<void>
}

export interface ModelListOptions {
  readonly provider: Provider
  readonly clock: Clock.Clock
  /** What is under way ends with it. */
  readonly scope: Scope.Scope
  readonly listed: (models: ReadonlyArray<ProviderModel>) => void
}

/**
 * Asks a provider for its models when somebody wants them, once at a time, however many want them; nobody waits for a second list,
 * and no chat request for any. A failed try leaves the last list in place.
 */
export const make = ({ clock, listed, provider, scope: parent }: ModelListOptions): ModelList => {
  const scope = Scope.forkUnsafe(parent)
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  let last: ReadonlyArray<ProviderModel> | undefined
  let nextAt = -Infinity
  let flight: Deferred.Deferred<void> | undefined

  const fetched = provider.models.pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(tooSlow(provider)) }),
    Effect.matchEffect({
      onSuccess: (models) =>
        Effect.sync(() => {
          last = models
          nextAt = now() + freshFor
          listed(models)
        }),
      onFailure: ({ message }) => {
        nextAt = now() + pauseFor
        return Effect.logWarning(`${provider.name} does not list its models: ${message}`)
      }
    })
  )

  const told = Effect.sync(() => last ?? provider.documented ?? none)

  // What takes off must land: not to be interrupted between.
  const takeOff = Effect.uninterruptible(
    Effect.suspend(() => {
      if (flight !== undefined || now() < nextAt) return Effect.void
      const landed = (flight = Deferred.makeUnsafe<void>())
      const land = Effect.sync(() => {
        flight = undefined
        Deferred.doneUnsafe(landed, Effect.void)
      })
      return Effect.forkIn(Effect.ensuring(Effect.interruptible(fetched), land), scope, { startImmediately: true })
    })
  )

  const landed = Effect.suspend(() =>
    flight === undefined || last !== undefined ? Effect.void : Deferred.await(flight)
  )

  const models = Effect.andThen(takeOff, Effect.andThen(landed, told))

  return { models, isListed: () => last !== undefined, end: Scope.close(scope, Exit.void) }
}

const none: ReadonlyArray<ProviderModel> = []

const tooSlow = ({ name }: Provider) =>
  new ProviderError({
    reason: "provider_timeout",
    message: `${name} did not list its models within ${patience}`,
    provider: name
  })
