import { Effect, Redacted, type Scope } from "effect"
import type { Timeouts, YandexAuth, YandexGptSettings } from "../../config/Settings.ts"
import * as Assembly from "../Assembly.ts"
import { ndjson } from "../NdjsonFraming.ts"
import type { Provider } from "../Provider.ts"
import * as Upstream from "../Upstream.ts"
import type { UpstreamOptionsError } from "../UpstreamOptions.ts"
import * as Embeddings from "./Embeddings.ts"
import { abilities, models } from "./Models.ts"
import * as YandexCredentials from "./YandexCredentials.ts"
import * as YandexDialect from "./YandexDialect.ts"

/** Yandex Cloud's own API of text generation and embeddings. Fails at start where the settings or the key file cannot be used. */
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
    propagateTrace: settings.propagateTrace,
    connectTimeout: timeouts.connect,
    idleTimeout: timeouts.idle
  }
  const { folderId } = settings
  const secrets = secretsOf(settings.auth)
  const upstream = yield* Upstream.make(options)
  const credentials = yield* YandexCredentials.make(settings, options)
  // The vendor keeps prompts and answers unless it is told not to.
  const headers = settings.dataLogging ? {} : { "x-data-logging-enabled": "false" }
  const writer = Assembly.make({
    name,
    dialect: YandexDialect.make({ provider: name, folderId, secrets }),
    upstream,
    credentials,
    framing: ndjson,
    path: "/foundationModels/v1/completion",
    headers,
    models: Effect.succeed(models)
  })
  const teller = { provider: name, secrets: [folderId, ...secrets.map(Redacted.value)] }
  return { ...writer, abilities, embed: Embeddings.make({ teller, folderId, upstream, credentials, headers }) }
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
