import { Context, Effect, Equal, type FileSystem, Layer } from "effect"
import { configFile } from "./Defaults.ts"
import { readVariable } from "./Environment.ts"
import { ConfigError, Faults } from "./Faults.ts"
import { readSettings } from "./ReadSettings.ts"
import { Settings, type SettingsValue } from "./Settings.ts"
import { gateway } from "./Variables.ts"

/** What of the settings may change while the gateway runs. */
type Reloadable = Pick<SettingsValue, "models" | "tiers" | "modelLimits">

/** Reads the configuration again, for a gateway that runs. */
export class Reload extends Context.Service<
  Reload,
  {
    /** The file that is read, whether it is there or not. */
    readonly file: string
    /**
     * From now on the settings' `models`, `tiers` and `modelLimits` are as they are written now. True where that changes anything. Fails
     * with every fault at once, and changes nothing, where anything is wrong, or is right and takes a restart.
     */
    readonly reload: Effect.Effect<boolean, ConfigError>
  }
>()("xrouter/config/Reload") {
  /** The settings, and the way to read them again. */
  static readonly layer: Layer.Layer<Settings | Reload, ConfigError, FileSystem.FileSystem> = Layer.effectContext(
    Effect.gen(function* () {
      const services = yield* Effect.context<FileSystem.FileSystem>()
      const initial = yield* readSettings()
      const file = (yield* readVariable(gateway.config, new Faults())) ?? configFile
      let current: Reloadable = initial
      const settings: SettingsValue = {
        ...initial,
        get models() {
          return current.models
        },
        get tiers() {
          return current.tiers
        },
        get modelLimits() {
          return current.modelLimits
        }
      }
      const reload = Effect.gen(function* () {
        const { modelLimits, models, providers, tiers } = yield* readSettings()
        if (!Equal.equals(providers, initial.providers)) return yield* providersChanged
        const next: Reloadable = { models, tiers, modelLimits }
        const isChanged = !Equal.equals(next, {
          models: current.models,
          tiers: current.tiers,
          modelLimits: current.modelLimits
        })
        if (isChanged) current = next
        return isChanged
      })
      return Context.make(Settings, settings).pipe(
        Context.add(Reload, { file, reload: Effect.provideContext(reload, services) })
      )
    })
  )
}

const providersChanged = new ConfigError({
  faults: [{ at: "providers", message: "has changed, which takes a restart; nothing of the file was taken over" }]
})
