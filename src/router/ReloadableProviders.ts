import { Context, Effect, Exit, Result, Scope } from "effect"
import { ConfigError } from "../config/Faults.ts"
import type { ProviderSettings } from "../config/Settings.ts"
import type { Provider } from "../providers/Provider.ts"
import type { UpstreamOptionsError } from "../providers/UpstreamOptions.ts"
import type { ProviderChange, ProviderChanges } from "./ProviderChanges.ts"
import { differenceOf, type ProviderDifference } from "./ProviderDifference.ts"

type BySettings = ReadonlyMap<string, ProviderSettings>

/** The providers that a changed configuration asks for, made and not in use yet. */
export interface ProviderUpdate {
  readonly difference: ProviderDifference
  /** From now on these are the gateway's. To be called once, in one step with the settings that they were made of. */
  readonly apply: () => void
  /** Closes those that are the gateway's no more, with their connections: to be run when the calls that they serve have ended. */
  readonly close: Effect.Effect<void>
}

/** The providers of the settings while the gateway runs. */
export class ReloadableProviders extends Context.Service<
  ReloadableProviders,
  {
    /** Makes what is new or not as it was, and touches nothing else. Fails with every provider that cannot be made, and then none is. */
    readonly update: (settings: BySettings) => Effect.Effect<ProviderUpdate, ConfigError>
  }
>()("xrouter/router/ReloadableProviders") {}

/** A provider, and what it is closed by. */
interface Held {
  /** Undefined of one that the application has made by itself. */
  readonly provider: Provider | undefined
  readonly scope: Scope.Closeable
}

/**
 * The providers of these settings by name, in a map that changes as a whole when they do. Each has a scope of its own, so that one is closed
 * while the others serve.
 */
export const make = Effect.fnUntraced(function* (
  initial: BySettings,
  makeProvider: (
    name: string,
    settings: ProviderSettings
  ) => Effect.Effect<Provider | undefined, UpstreamOptionsError, Scope.Scope>
) {
  const scope = yield* Effect.scope
  const providers = new Map<string, Provider>()
  const followers = new Set<(change: ProviderChange) => void>()
  let settings = initial

  const hold = Effect.fnUntraced(function* ([name, own]: readonly [string, ProviderSettings]) {
    const ownScope = Scope.forkUnsafe(scope)
    const made = Scope.provide(makeProvider(name, own), ownScope)
    const provider = yield* Effect.onError(made, () => Scope.close(ownScope, Exit.void))
    const held: Held = { provider, scope: ownScope }
    return [name, held] as const
  })

  const serve = (now: ReadonlyMap<string, Held>) => {
    providers.clear()
    for (const [name, { provider }] of now) if (provider !== undefined) providers.set(name, provider)
  }

  let held: ReadonlyMap<string, Held> = new Map(yield* Effect.forEach(initial, hold))
  serve(held)

  const update = Effect.fnUntraced(function* (next: BySettings): Effect.fn.Return<ProviderUpdate, ConfigError> {
    const difference = differenceOf(settings, next)
    const wanted = [...next].filter(([name]) => !difference.kept.includes(name))
    const results = yield* Effect.forEach(wanted, (each) => Effect.result(hold(each)))
    const made = new Map(results.flatMap((result) => (Result.isSuccess(result) ? [result.success] : [])))
    const faults = results.flatMap((result) =>
      Result.isFailure(result) ? [{ at: `providers.${result.failure.provider}`, message: result.failure.message }] : []
    )
    if (faults.length > 0) {
      yield* closing(made.values())
      return yield* new ConfigError({ faults })
    }
    const retired = [...difference.changed, ...difference.removed].flatMap((name) => held.get(name) ?? [])
    const apply = () => {
      held = new Map(
        [...next.keys()].flatMap((name) => {
          const one = made.get(name) ?? held.get(name)
          return one === undefined ? [] : [[name, one] as const]
        })
      )
      settings = next
      serve(held)
      const change = { made: providersOf(made.values()), retired: providersOf(retired) }
      for (const onChange of followers) onChange(change)
    }
    return { difference, apply, close: closing(retired) }
  }, Effect.uninterruptible)

  const changes: typeof ProviderChanges.Service = { follow: (onChange) => void followers.add(onChange) }
  return { changes, providers: providers satisfies ReadonlyMap<string, Provider>, update }
})

const providersOf = (held: Iterable<Held>): ReadonlyArray<Provider> =>
  Array.from(held).flatMap(({ provider }) => provider ?? [])

const closing = (held: Iterable<Held>): Effect.Effect<void> =>
  Effect.forEach(held, ({ scope }) => Scope.close(scope, Exit.void), { concurrency: "unbounded", discard: true })
