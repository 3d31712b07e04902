import { Context, Effect, Layer, type Scope } from "effect"
import { type ProviderSettings, Settings } from "../config/Settings.ts"
import type { Provider } from "../providers/Provider.ts"
import type { UpstreamOptionsError } from "../providers/UpstreamOptions.ts"
import { emulated } from "../providers/emulation/Emulated.ts"
import * as GigaChat from "../providers/gigachat/GigaChat.ts"
import * as OpenAi from "../providers/openai/OpenAi.ts"
import * as Sandbox from "../providers/sandbox/Sandbox.ts"
import * as YandexGpt from "../providers/yandexgpt/YandexGpt.ts"
import { defaultTimeouts } from "./Timeouts.ts"

/** The providers of this gateway, by name. */
export class Providers extends Context.Service<Providers, ReadonlyMap<string, Provider>>()("xrouter/router/Providers") {
  static readonly layer = Layer.effect(
    Providers,
    Effect.gen(function* () {
      const { providers } = yield* Settings
      const made = yield* Effect.forEach(providers, ([name, settings]) => make(name, settings))
      return new Map(made.map((provider) => [provider.name, emulated(provider)]))
    })
  )
}

const make = (
  name: string,
  settings: ProviderSettings
): Effect.Effect<Provider, UpstreamOptionsError | Effect.Error<ReturnType<typeof YandexGpt.make>>, Scope.Scope> => {
  switch (settings.kind) {
    case "gigachat":
      return GigaChat.make(name, settings, defaultTimeouts)
    case "yandexgpt":
      return YandexGpt.make(name, settings, defaultTimeouts)
    case "openai":
      return OpenAi.make(name, settings, defaultTimeouts)
    case "sandbox":
      return Effect.succeed(Sandbox.make(name))
  }
}
