import { Effect, Redacted, Result, type Scope } from "effect"
import type { GigaChatSettings, Timeouts } from "../../config/Settings.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import * as Assembly from "../Assembly.ts"
import { authorized } from "../Authorized.ts"
import { invalidAnswer } from "../BrokenAnswers.ts"
import { type Credentials, fixed } from "../Credentials.ts"
import type { Provider, ProviderModel } from "../Provider.ts"
import { refusalFailure } from "../Refusals.ts"
import { sse } from "../SseFraming.ts"
import * as TokenEndpoint from "../TokenEndpoint.ts"
import * as TokenKeeper from "../TokenKeeper.ts"
import * as Upstream from "../Upstream.ts"
import * as GigaChatDialect from "./GigaChatDialect.ts"
import * as GigaChatEmbeddings from "./GigaChatEmbeddings.ts"
import { abilities } from "./GigaChatParameters.ts"
import { issueToken } from "./GigaChatToken.ts"
import { decodeModels, wordsIn } from "./GigaChatWire.ts"

/**
 * GigaChat of Sber. Connects to nothing yet. Who we are is told by an access token that never changes, by tokens fetched with
 * an authorization key, or, on the vendor's inner hosts, by a client certificate alone.
 */
export const make = Effect.fn("GigaChat.make")(function* (
  name: string,
  settings: GigaChatSettings,
  timeouts: Pick<Timeouts, "connect" | "idle">
): Effect.fn.Return<Provider, Upstream.UpstreamOptionsError, Scope.Scope> {
  const options: Upstream.UpstreamOptions = {
    provider: name,
    baseUrl: settings.baseUrl,
    caBundleFile: settings.caBundleFile,
    caBundleVariable: name === "gigachat" ? "GIGACHAT_CA_BUNDLE_FILE" : `providers.${name}.caBundleFile`,
    certFile: settings.certFile,
    keyFile: settings.keyFile,
    verifyTls: settings.verifySslCerts,
    connectTimeout: timeouts.connect,
    idleTimeout: timeouts.idle
  }
  if (!settings.verifySslCerts) {
    yield* Effect.logWarning(`The TLS certificates of provider ${name} are not checked: its answers can be forged`)
  }
  const upstream = yield* Upstream.make(options)
  const credentials = yield* makeCredentials(settings, options)
  const provider = Assembly.make({
    name,
    dialect: GigaChatDialect.make(name),
    upstream,
    credentials,
    framing: sse,
    path: "/chat/completions",
    models: listModels(name, upstream, credentials)
  })
  const embed = GigaChatEmbeddings.make(name, { upstream, credentials })
  return { ...provider, abilities: () => abilities, embed }
})

const makeCredentials = Effect.fnUntraced(function* (
  { accessToken, credentials: key, scope, authUrl }: GigaChatSettings,
  options: Upstream.UpstreamOptions
): Effect.fn.Return<Credentials, Upstream.UpstreamOptionsError, Scope.Scope> {
  if (accessToken !== undefined) return fixed({ authorization: `Bearer ${Redacted.value(accessToken)}` })
  if (key === undefined) return fixed({})
  const endpoint = yield* TokenEndpoint.connect(options, authUrl)
  return yield* TokenKeeper.make(issueToken({ provider: options.provider, endpoint, key, scope }))
})

const listModels = Effect.fn("GigaChat.models")(function* (
  provider: string,
  upstream: Upstream.Upstream,
  credentials: Credentials
): Effect.fn.Return<ReadonlyArray<ProviderModel>, ProviderFailure> {
  const { status, headers, text } = yield* authorized(credentials, (proof) =>
    upstream.exchange({ method: "GET", path: "/models", headers: { accept: "application/json", ...proof } })
  )
  if (status !== 200) return yield* refusalFailure({ provider, status, headers, message: wordsIn(text) })
  const models = decodeModels(text)
  if (Result.isFailure(models)) return yield* invalidAnswer({ provider }, "sent a list of models that cannot be read")
  return models.success.data
    .filter(({ type }) => !type || type === "chat" || type === "embedder")
    .map(({ id, owned_by, created, type }) => ({
      id,
      ownedBy: owned_by ?? "salutedevices",
      created: created ?? 0,
      purpose: type === "embedder" ? "embedding" : "chat"
    }))
})
