import { Duration, Effect, Redacted, Result, type Scope } from "effect"
import type { GigaChatSettings, Timeouts } from "../../config/Settings.ts"
import { ProviderError, type ProviderFailure } from "../../domain/Errors.ts"
import { make as assemble } from "../Assembly.ts"
import { type Credentials, fixed } from "../Credentials.ts"
import type { Provider, ProviderModel } from "../Provider.ts"
import { refusalFailure } from "../Refusals.ts"
import { sse } from "../SseFraming.ts"
import { make as connect, type Upstream, type UpstreamOptions, type UpstreamOptionsError } from "../Upstream.ts"
import { make as makeDialect } from "./GigaChatDialect.ts"
import { make as makeToken } from "./GigaChatToken.ts"
import { decodeModels, wordsIn } from "./GigaChatWire.ts"

/**
 * GigaChat of Sber. Connects to nothing yet. Who we are is told by an access token that never changes, by tokens fetched with
 * an authorization key, or, on the vendor's inner hosts, by a client certificate alone.
 */
export const make = Effect.fn("GigaChat.make")(function* (
  name: string,
  settings: GigaChatSettings,
  timeouts: Timeouts
): Effect.fn.Return<Provider, UpstreamOptionsError, Scope.Scope> {
  const options: UpstreamOptions = {
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
  const upstream = yield* connect(options)
  const credentials = yield* identify(options, settings)
  return assemble({
    name,
    dialect: makeDialect(name),
    upstream,
    credentials,
    framing: sse,
    path: "/chat/completions",
    models: listModels(name, upstream, credentials)
  })
})

/** The token endpoint answers at once or not at all. */
const tokenTimeout = Duration.seconds(15)

const identify = Effect.fnUntraced(function* (options: UpstreamOptions, settings: GigaChatSettings) {
  const { accessToken, credentials: key, scope, authUrl } = settings
  if (accessToken !== undefined) return fixed({ authorization: `Bearer ${Redacted.value(accessToken)}` })
  if (key === undefined) return fixed({})
  const upstream = yield* connect({
    ...options,
    baseUrl: authUrl,
    idleTimeout: tokenTimeout,
    headersTimeout: tokenTimeout
  })
  return yield* makeToken({ provider: options.provider, upstream, key, scope })
})

const listModels = Effect.fn("GigaChat.models")(function* (
  provider: string,
  upstream: Upstream,
  credentials: Credentials
): Effect.fn.Return<ReadonlyArray<ProviderModel>, ProviderFailure> {
  const ask = (proof: Readonly<Record<string, string>>) =>
    upstream.exchange({ method: "GET", path: "/models", headers: { accept: "application/json", ...proof } })
  const proof = yield* credentials.headers
  const first = yield* ask(proof)
  const isReplay = first.status === 401 && (yield* credentials.refused(proof))
  const { status, headers, text } = isReplay ? yield* ask(yield* credentials.headers) : first
  if (status !== 200) return yield* refusalFailure({ provider, status, headers, message: wordsIn(text) })
  const models = decodeModels(text)
  if (Result.isFailure(models))
    return yield* new ProviderError({
      provider,
      reason: "provider_invalid_answer",
      message: `${provider} sent a list of models that cannot be read`
    })
  return models.success.data
    .filter(({ type }) => type === undefined || type === null || type === "chat")
    .map(({ id, owned_by, created }) => ({ id, ownedBy: owned_by ?? "salutedevices", created: created ?? 0 }))
})
