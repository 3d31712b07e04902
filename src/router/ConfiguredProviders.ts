import { Effect, type Scope } from "effect"
import type { ProviderSettings, SettingsValue } from "../config/Settings.ts"
import type { Provider } from "../providers/Provider.ts"
import type { UpstreamOptionsError } from "../providers/UpstreamOptions.ts"
import * as GigaChat from "../providers/gigachat/GigaChat.ts"
import * as OpenAi from "../providers/openai/OpenAi.ts"
import * as Sandbox from "../providers/sandbox/Sandbox.ts"
import * as YandexGpt from "../providers/yandexgpt/YandexGpt.ts"
import { defaultTimeouts } from "./Timeouts.ts"

type Images = Pick<SettingsValue, "imageUrls">
type Common = Images & Pick<SettingsValue, "providers">

/** A provider as the configuration describes it; undefined of one that the application has made by itself. */
export const makeProvider = (
  name: string,
  settings: ProviderSettings,
  common: Common
): Effect.Effect<Provider | undefined, UpstreamOptionsError, Scope.Scope> =>
  Effect.map(
    made(name, settings, common),
    (provider) =>
      provider && {
        ...provider,
        ...("fanOut" in settings && settings.fanOut === false ? { fansOut: false } : {}),
        // As it is now: it may change while the provider stays.
        isCounted: () => isCounted(common.providers.get(name))
      }
  )

const isCounted = (settings: ProviderSettings | undefined): boolean =>
  settings !== undefined && "concurrency" in settings && settings.concurrency !== undefined

const made = (
  name: string,
  settings: ProviderSettings,
  { imageUrls }: Images
): Effect.Effect<Provider | undefined, UpstreamOptionsError, Scope.Scope> => {
  switch (settings.kind) {
    case "gigachat":
      return GigaChat.make(name, settings, defaultTimeouts, imageUrls)
    case "yandexgpt":
      return YandexGpt.make(name, settings, defaultTimeouts)
    case "openai":
      return OpenAi.make(name, settings, defaultTimeouts)
    case "sandbox":
      return Effect.succeed(Sandbox.make(name))
    case "own":
      return Effect.succeed(undefined)
  }
}
