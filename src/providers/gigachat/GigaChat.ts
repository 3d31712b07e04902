import { Effect, Redacted, Result, type Scope } from "effect"
import type { GigaChatSettings, Timeouts } from "../../config/Settings.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import * as Assembly from "../Assembly.ts"
import { authorized } from "../Authorized.ts"
import { invalidAnswer } from "../BrokenAnswers.ts"
import { type Credentials, fixed } from "../Credentials.ts"
import { checkAddress, ImageNetwork } from "../ImageFetch.ts"
import { completedBy } from "../ModelList.ts"
import type { Provider, ProviderModel } from "../Provider.ts"
import { refusalFailure } from "../Refusals.ts"
import { sse } from "../SseFraming.ts"
import * as TokenEndpoint from "../TokenEndpoint.ts"
import * as TokenKeeper from "../TokenKeeper.ts"
import * as Upstream from "../Upstream.ts"
import { documented } from "./DocumentedModels.ts"
import * as GigaChatDialect from "./GigaChatDialect.ts"
import * as GigaChatEmbeddings from "./GigaChatEmbeddings.ts"
import * as GigaChatFiles from "./GigaChatFiles.ts"
import { abilitiesOf } from "./GigaChatParameters.ts"
import { issueToken } from "./GigaChatToken.ts"
import * as GigaChatV2 from "./GigaChatV2.ts"
import { decodeModels, wordsIn } from "./GigaChatWire.ts"
import { acrossHosts, type Hosts, publicHosts, versionOf } from "./Hosts.ts"

/**
 * GigaChat of Sber. Connects to nothing yet. Who we are is told by an access token that never changes, by tokens fetched with
 * an authorization key, or, on the vendor's inner hosts, by a client certificate alone. Without a base URL of the operator's each model
 * is asked for where the vendor serves it. Images at https addresses are refused unless they are to be fetched.
 */
export const make = Effect.fn("GigaChat.make")(function* (
  name: string,
  settings: GigaChatSettings,
  timeouts: Pick<Timeouts, "connect" | "idle">,
  areImagesFetched = false,
  hosts: Hosts = publicHosts
): Effect.fn.Return<Provider, Upstream.UpstreamOptionsError, Scope.Scope> {
  const options: Upstream.UpstreamOptions = {
    provider: name,
    baseUrl: settings.baseUrl ?? hosts.baseUrl,
    caBundleFile: settings.caBundleFile,
    caBundleVariable: name === "gigachat" ? "GIGACHAT_CA_BUNDLE_FILE" : `providers.${name}.caBundleFile`,
    certFile: settings.certFile,
    keyFile: settings.keyFile,
    verifyTls: settings.verifySslCerts,
    propagateTrace: settings.propagateTrace,
    connectTimeout: timeouts.connect,
    idleTimeout: timeouts.idle
  }
  if (!settings.verifySslCerts) {
    yield* Effect.logWarning(`The TLS certificates of provider ${name} are not checked: its answers can be forged`)
  }
  const credentials = yield* makeCredentials(settings, options)
  const first = yield* atHost(options, credentials, areImagesFetched)
  if (settings.baseUrl !== undefined) return first
  const others = yield* Effect.forEach(hosts.others, ({ baseUrl, models }) =>
    Effect.map(atHost({ ...options, baseUrl }, credentials, areImagesFetched), (provider) => ({ models, provider }))
  )
  return acrossHosts(first, others)
})

const atHost = Effect.fnUntraced(function* (
  options: Upstream.UpstreamOptions,
  credentials: Credentials,
  areImagesFetched: boolean
): Effect.fn.Return<Provider, Upstream.UpstreamOptionsError, Scope.Scope> {
  const { provider: name } = options
  const { isV2, v1 } = versionOf(options.baseUrl)
  const upstream = yield* Upstream.make({ ...options, baseUrl: v1 })
  const network = yield* ImageNetwork
  const dialect = GigaChatDialect.make(
    name,
    areImagesFetched ? (url, place) => checkAddress(network, url, place) : undefined
  )
  const provider = Assembly.make({
    name,
    dialect: isV2 ? GigaChatV2.make(dialect) : dialect,
    upstream: isV2 ? yield* Upstream.make(options) : upstream,
    credentials,
    framing: sse,
    path: "/chat/completions",
    upload: yield* GigaChatFiles.makeUpload({ provider: name, upstream, credentials, network }),
    models: Effect.map(listModels(name, upstream, credentials), completedBy(documented))
  })
  const embed = GigaChatEmbeddings.make(name, { upstream, credentials })
  return { ...provider, abilities: abilitiesOf, documented, embed }
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
