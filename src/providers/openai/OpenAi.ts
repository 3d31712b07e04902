import { Effect, Redacted, type Scope } from "effect"
import type { OpenAiSettings, Timeouts } from "../../config/Settings.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { isJsonObject } from "../../domain/Json.ts"
import * as Assembly from "../Assembly.ts"
import { authorized } from "../Authorized.ts"
import { invalidAnswer, type Teller } from "../BrokenAnswers.ts"
import { type Credentials, fixed } from "../Credentials.ts"
import { elements, filled, readJson } from "../JsonText.ts"
import type { Provider, ProviderModel } from "../Provider.ts"
import { sse } from "../SseFraming.ts"
import * as Upstream from "../Upstream.ts"
import * as OpenAiDialect from "./OpenAiDialect.ts"
import * as OpenAiEmbeddings from "./OpenAiEmbeddings.ts"
import { refusedBy } from "./OpenAiFault.ts"

/** OpenAI, or whoever speaks its language: `openai` of the environment and every provider of that kind in the file. */
export const make = Effect.fn("OpenAi.make")(function* (
  name: string,
  settings: OpenAiSettings,
  timeouts: Pick<Timeouts, "connect" | "idle">
): Effect.fn.Return<Provider, Upstream.UpstreamOptionsError, Scope.Scope> {
  const key = settings.apiKey === undefined ? undefined : Redacted.value(settings.apiKey)
  const teller: Teller = { provider: name, secrets: key === undefined ? [] : [key] }
  const credentials = fixed(key === undefined ? {} : { authorization: `Bearer ${key}` })
  const upstream = yield* Upstream.make({
    provider: name,
    baseUrl: settings.baseUrl,
    caBundleFile: settings.caBundleFile,
    caBundleVariable: `providers.${name}.caBundleFile`,
    connectTimeout: timeouts.connect,
    idleTimeout: timeouts.idle
  })
  const provider = Assembly.make({
    name,
    dialect: OpenAiDialect.make(teller),
    upstream,
    credentials,
    framing: sse,
    path: "/chat/completions",
    models: listModels(teller, upstream, credentials)
  })
  return { ...provider, embed: OpenAiEmbeddings.make({ teller, upstream, credentials }) }
})

/** `GET /models`: `{data: [{id, owned_by, created}]}`, or the bare list. */
const listModels = Effect.fn("OpenAi.models")(function* (
  teller: Teller,
  upstream: Upstream.Upstream,
  credentials: Credentials
): Effect.fn.Return<ReadonlyArray<ProviderModel>, ProviderFailure> {
  const answer = yield* authorized(credentials, (proof) =>
    upstream.exchange({ method: "GET", path: "/models", headers: { accept: "application/json", ...proof } })
  )
  if (answer.status !== 200) return yield* refusedBy(teller, { ...answer, body: answer.text })
  const json = readJson(answer.text)
  const list = isJsonObject(json) ? json["data"] : json
  if (!Array.isArray(list)) return yield* invalidAnswer(teller, "sent no list of models", answer.text)
  const models: Array<ProviderModel> = []
  for (const model of elements(list)) {
    const id = isJsonObject(model) ? filled(model["id"]) : undefined
    if (id === undefined || !isJsonObject(model)) continue
    const created = model["created"]
    models.push({
      id,
      ownedBy: filled(model["owned_by"]) ?? teller.provider,
      created: typeof created === "number" && Number.isFinite(created) ? Math.trunc(created) : 0
    })
  }
  return models
})
