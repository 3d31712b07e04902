import { Context, Effect, Layer, type Scope } from "effect"
import { Settings } from "../config/Settings.ts"
import { emulated } from "../providers/emulation/Emulated.ts"
import type { Provider } from "../providers/Provider.ts"
import { ProviderChanges } from "./ProviderChanges.ts"
import * as Reloadable from "./ReloadableProviders.ts"

/** A provider, or what makes it. */
export type ProviderSource<E = never, R = never> = Provider | Effect.Effect<Provider, E, R>

/** The providers of this gateway, by name, as they are now: those of the settings change when the configuration is read again. */
export class Providers extends Context.Service<Providers, ReadonlyMap<string, Provider>>()("xrouter/router/Providers") {
  /** As the settings describe them. The vendors are loaded now: whoever brings providers of its own needs none of ours. */
  static readonly layerSettings = Layer.effectContext(
    Effect.gen(function* () {
      const settings = yield* Settings
      const { makeProvider } = yield* Effect.promise(() => import("./ConfiguredProviders.ts"))
      const { changes, providers, update } = yield* Reloadable.make(settings.providers, (name, own) =>
        Effect.map(makeProvider(name, own, settings), (provider) => provider && emulated(provider))
      )
      return Context.make(Providers, providers).pipe(
        Context.add(Reloadable.ReloadableProviders, { update }),
        Context.add(ProviderChanges, changes)
      )
    })
  )

  /**
   * These, each by its own name; of two with one name the later. What a provider cannot do by itself is made up for, as far as that is
   * possible, as it is for those of the configuration.
   */
  static readonly layer = <E = never, R = never>(
    providers: Iterable<ProviderSource<E, R>>
  ): Layer.Layer<Providers, E, Exclude<R, Scope.Scope>> =>
    Layer.effect(
      Providers,
      Effect.map(
        Effect.forEach(providers, (provider) => (Effect.isEffect(provider) ? provider : Effect.succeed(provider))),
        (made) => new Map(made.map((provider) => [provider.name, emulated(provider)]))
      )
    )

  /** As the environment and the file describe them. */
  static readonly layerConfig = Providers.layerSettings.pipe(Layer.provide(Settings.layer))
}
