import { Effect, Layer } from "effect"
import type { ProviderSettings } from "../../src/config/Settings.ts"
import { Providers } from "../../src/router/Providers.ts"
import { Router } from "../../src/router/Router.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import type { ScriptedProvider } from "../../src/testing/ScriptedProvider.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { layerRouting } from "../support/ScriptedProvider.ts"
import { layerTestSettings } from "../support/TestSettings.ts"
import { gigaChatSettings, openAiSettings, providers, yandexSettings } from "../support/Upstreams.ts"
import * as YandexUpstream from "../support/YandexUpstream.ts"

/** The router of an application over these, and nothing of a gateway. */
export const layerRouter = (byName: Readonly<Record<string, ProviderSettings>>) =>
  Router.layerRouting.pipe(
    Layer.provide(Providers.layerSettings),
    Layer.provide(Metrics.layer),
    Layer.provide(layerTestSettings({ providers: providers(byName) })),
    Layer.orDie
  )

/** The same over scripted providers. */
export const layerScripted = (...providers: ReadonlyArray<ScriptedProvider>) => Layer.orDie(layerRouting(providers))

export const gigachat = Effect.map(GigaChatUpstream.make(), (upstream) => ({
  upstream,
  router: layerRouter({ gigachat: gigaChatSettings(upstream) })
}))

export const yandexgpt = Effect.map(YandexUpstream.make(), (upstream) => ({
  upstream,
  router: layerRouter({ yandexgpt: yandexSettings(upstream) })
}))

export const openai = Effect.map(OpenAiUpstream.make(), (upstream) => ({
  upstream,
  router: layerRouter({ openai: openAiSettings(upstream.baseUrl) })
}))
