import { Layer } from "effect"
import type { ModelAlias, SettingsValue } from "../../src/config/Settings.ts"
import type { Provider } from "../../src/providers/Provider.ts"
import { Providers } from "../../src/router/Providers.ts"
import { Router } from "../../src/router/Router.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { finished as end } from "../../src/testing/Answers.ts"
import { layerTestSettings } from "./TestSettings.ts"

/** What tests of applications are given (`src/testing/`), and the router over it with settings of any kind. */

export { type Answer, says, started, stop, tells, text } from "../../src/testing/Answers.ts"
export { listed, make as scripted, type Script, type ScriptedProvider } from "../../src/testing/ScriptedProvider.ts"

export const finished = end()

/** An alias over these candidates, in order. */
export const alias = (candidates: ReadonlyArray<string>, more: Partial<ModelAlias> = {}): ModelAlias => ({
  candidates: candidates.map((model) => ({ model, weight: 1 })),
  fallbacks: [],
  strategy: "ordered",
  timeouts: {},
  price: undefined,
  ...more
})

/** The router and what it stands on, over these providers. */
export const layerRouting = (providers: ReadonlyArray<Provider>, settings: Partial<SettingsValue> = {}) =>
  Router.layerRouting.pipe(
    Layer.provideMerge(Layer.succeed(Providers, new Map(providers.map((provider) => [provider.name, provider])))),
    Layer.provideMerge(Metrics.layer),
    Layer.provide(layerTestSettings(settings))
  )
