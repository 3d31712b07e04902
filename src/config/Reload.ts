import { Context, Effect, Equal, type FileSystem, Layer } from "effect"
import { configFile } from "./Defaults.ts"
import { readVariable } from "./Environment.ts"
import { ConfigError, Faults } from "./Faults.ts"
import { readSettings } from "./ReadSettings.ts"
import { Settings, type SettingsValue } from "./Settings.ts"
import { gateway } from "./Variables.ts"

/** What of the settings may change while the gateway runs. */
type Reloadable = Pick<SettingsValue, "providers" | "models" | "tiers" | "modelLimits">

/** What the configuration says now and did not say before. */
export interface SettingsChange extends Reloadable {
  /** From now on the settings are so, all four at once. */
  readonly apply: () => void
}

/** Reads the configuration again, for a gateway that runs. */
export class Reload extends Context.Service<
  Reload,
  {
    /** The file that is read, whether it is there or not. */
    readonly file: string
    /** Changes nothing by itself. Undefined where nothing else is written; fails with every fault at once where anything is wrong. */
    readonly read: Effect.Effect<SettingsChange | undefined, ConfigError>
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
        get providers() {
          return current.providers
        },
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
      const read = Effect.map(readSettings(), (now): SettingsChange | undefined => {
        const next = reloadable(now)
        if (Equal.equals(next, reloadable(current))) return undefined
        const apply = () => void (current = next)
        return { ...next, apply }
      })
      return Context.make(Settings, settings).pipe(
        Context.add(Reload, { file, read: Effect.provideContext(read, services) })
      )
    })
  )
}

const reloadable = ({ modelLimits, models, providers, tiers }: Reloadable): Reloadable => ({
  providers,
  models,
  tiers,
  modelLimits
})
