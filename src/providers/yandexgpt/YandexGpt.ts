import { Effect, type Scope } from "effect"
import type { Timeouts, YandexAuth, YandexGptSettings } from "../../config/Settings.ts"
import * as Assembly from "../Assembly.ts"
import { ndjson } from "../NdjsonFraming.ts"
import type { Provider, ProviderModel } from "../Provider.ts"
import * as Upstream from "../Upstream.ts"
import type { UpstreamOptionsError } from "../UpstreamOptions.ts"
import * as YandexCredentials from "./YandexCredentials.ts"
import * as YandexDialect from "./YandexDialect.ts"

/** Yandex Cloud's own text generation API. Fails at start where the settings or the key file cannot be used. */
export const make = Effect.fn("YandexGpt.make")(function* (
  name: string,
  settings: YandexGptSettings,
  timeouts: Pick<Timeouts, "connect" | "idle">
): Effect.fn.Return<Provider, UpstreamOptionsError, Scope.Scope> {
  const options = {
    provider: name,
    baseUrl: settings.baseUrl,
    caBundleFile: settings.caBundleFile,
    caBundleVariable: name === "yandexgpt" ? "NODE_EXTRA_CA_CERTS" : `providers.${name}.caBundleFile`,
    connectTimeout: timeouts.connect,
    idleTimeout: timeouts.idle
  }
  return Assembly.make({
    name,
    dialect: YandexDialect.make({
      provider: name,
      folderId: settings.folderId,
      secrets: secretsOf(settings.auth)
    }),
    upstream: yield* Upstream.make(options),
    credentials: yield* YandexCredentials.make(settings, options),
    framing: ndjson,
    path: "/foundationModels/v1/completion",
    // The vendor keeps prompts and answers unless it is told not to.
    headers: settings.dataLogging ? {} : { "x-data-logging-enabled": "false" },
    models: Effect.succeed(models)
  })
})

const secretsOf = (auth: YandexAuth) => {
  switch (auth._tag) {
    case "ApiKey":
      return [auth.apiKey]
    case "IamToken":
      return [auth.token]
    case "ServiceAccountKey":
      return []
  }
}

/** The API has no list of its models: these are the vendor's documented ones, and it tells no age of them. */
const models: ReadonlyArray<ProviderModel> = [
  { id: "yandexgpt", ownedBy: "yandex" },
  { id: "yandexgpt-lite", ownedBy: "yandex" },
  { id: "yandexgpt-32k", ownedBy: "yandex" },
  { id: "yandexgpt-5.1", ownedBy: "yandex" },
  { id: "yandexgpt-5-pro", ownedBy: "yandex" },
  { id: "aliceai-llm", ownedBy: "yandex" },
  { id: "aliceai-llm-flash", ownedBy: "yandex" },
  { id: "llama", ownedBy: "meta" },
  { id: "llama-lite", ownedBy: "meta" }
].map((model) => ({ ...model, created: 0 }))
