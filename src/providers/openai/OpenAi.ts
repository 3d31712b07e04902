import { Effect, Predicate, Record, Redacted, type Scope } from "effect"
import type { OpenAiSettings, Timeouts } from "../../config/Settings.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import * as Assembly from "../Assembly.ts"
import { authorized } from "../Authorized.ts"
import { invalidAnswer, type Teller } from "../BrokenAnswers.ts"
import { type Credentials, fixed } from "../Credentials.ts"
import { readJson } from "../JsonText.ts"
import { completedBy } from "../ModelList.ts"
import type { Provider, ProviderModel } from "../Provider.ts"
import { sse } from "../SseFraming.ts"
import * as Upstream from "../Upstream.ts"
import { documentedBy } from "./DocumentedModels.ts"
import { inFolder } from "./FolderModels.ts"
import { listedModels } from "./ListedModels.ts"
import * as OpenAiDialect from "./OpenAiDialect.ts"
import * as OpenAiEmbeddings from "./OpenAiEmbeddings.ts"
import { refusedBy } from "./OpenAiFault.ts"
import { vendors } from "./Vendors.ts"

/** OpenAI, or whoever speaks its language: `openai` of the environment and every provider of that kind in the file. */
export const make = Effect.fn("OpenAi.make")(function* (
  name: string,
  settings: OpenAiSettings,
  timeouts: Pick<Timeouts, "connect" | "idle">
): Effect.fn.Return<Provider, Upstream.UpstreamOptionsError, Scope.Scope> {
  const key = settings.apiKey === undefined ? undefined : Redacted.value(settings.apiKey)
  const { project } = settings
  const vendor = settings.vendor === undefined ? undefined : vendors[settings.vendor]
  const headers = Record.mapEntries(settings.headers ?? {}, (value, name) => [
    name.toLowerCase(),
    Redacted.value(value)
  ])
  const secrets = [key, project, ...Object.values(headers)].filter(Predicate.isNotUndefined)
  const teller: Teller = { provider: name, secrets }
  const credentials = fixed({
    ...vendor?.headers,
    ...(project === undefined ? {} : { "openai-project": project }),
    ...headers,
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` })
  })
  const upstream = yield* Upstream.make({
    provider: name,
    baseUrl: settings.baseUrl,
    caBundleFile: settings.caBundleFile,
    caBundleVariable: `providers.${name}.caBundleFile`,
    propagateTrace: settings.propagateTrace,
    connectTimeout: timeouts.connect,
    idleTimeout: timeouts.idle
  })
  const documented = settings.vendor === undefined ? [] : documentedBy(settings.vendor)
  const writer = Assembly.make({
    name,
    dialect: OpenAiDialect.make(teller, vendor),
    upstream,
    credentials,
    framing: sse,
    path: "/chat/completions",
    models: Effect.map(listModels(teller, upstream, credentials), completedBy(documented))
  })
  const provider: Provider = {
    ...writer,
    ...(vendor === undefined ? {} : { abilities: vendor.abilitiesOf }),
    documented,
    embed: OpenAiEmbeddings.make({ teller, upstream, credentials, textsPerCall: vendor?.textsPerCall })
  }
  return vendor?.hasFolders === true && project !== undefined ? inFolder(provider, project) : provider
})

const listModels = Effect.fn("OpenAi.models")(function* (
  teller: Teller,
  upstream: Upstream.Upstream,
  credentials: Credentials
): Effect.fn.Return<ReadonlyArray<ProviderModel>, ProviderFailure> {
  const answer = yield* authorized(credentials, (proof) =>
    upstream.exchange({ method: "GET", path: "/models", headers: { accept: "application/json", ...proof } })
  )
  if (answer.status !== 200) return yield* refusedBy(teller, { ...answer, body: answer.text })
  const models = listedModels(readJson(answer.text), teller.provider)
  return models ?? (yield* invalidAnswer(teller, "sent no list of models", answer.text))
})
