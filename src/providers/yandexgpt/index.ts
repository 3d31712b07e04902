import type { Effect, Scope } from "effect"
import { yandexgptDefaults } from "../../config/Defaults.ts"
import type { YandexAuth } from "../../config/Settings.ts"
import type { Provider } from "../Provider.ts"
import { type TransportOptions, transportOf } from "../TransportOptions.ts"
import type { UpstreamOptionsError } from "../UpstreamOptions.ts"
import * as YandexGpt from "./YandexGpt.ts"

export type { YandexAuth }

export interface YandexGptOptions extends TransportOptions {
  readonly auth: YandexAuth
  /** The folder that models run in and that pays. */
  readonly folderId: string
  /** The host's root; the vendor's unless given. */
  readonly baseUrl?: string
  /** The whole URL of the token endpoint; the vendor's unless given. */
  readonly iamUrl?: string
  /** Whether Yandex may keep prompts and answers; it may not unless told so. */
  readonly dataLogging?: boolean
}

/**
 * Yandex Cloud's own API; `yandexgpt` by name unless given another. Connects to nothing yet, and fails only where the options cannot be
 * used; the connections live as long as the scope.
 */
export const make = (options: YandexGptOptions): Effect.Effect<Provider, UpstreamOptionsError, Scope.Scope> =>
  YandexGpt.make(
    options.name ?? "yandexgpt",
    {
      kind: "yandexgpt",
      auth: options.auth,
      folderId: options.folderId,
      baseUrl: options.baseUrl ?? yandexgptDefaults.baseUrl,
      iamUrl: options.iamUrl ?? yandexgptDefaults.iamUrl,
      caBundleFile: options.caBundleFile,
      dataLogging: options.dataLogging ?? false,
      concurrency: undefined
    },
    transportOf(options)
  )
