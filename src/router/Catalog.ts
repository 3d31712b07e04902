import { Clock, Context, Effect, FiberSet, Layer, Result } from "effect"
import { type ModelAlias, type ProviderSettings, Settings, type Timeouts } from "../config/Settings.ts"
import { ValidationError } from "../domain/Errors.ts"
import type { Provider, ProviderModel } from "../providers/Provider.ts"
import type { Weighted } from "./Policy.ts"
import { aliasesOf } from "./Aliases.ts"
import { costsOf } from "./Costs.ts"
import * as ModelLists from "./ModelLists.ts"
import { ProviderChanges } from "./ProviderChanges.ts"
import { Providers } from "./Providers.ts"
import { defaultAttempts } from "./Retries.ts"
import { defaultPatience, type Patience, patienceOf } from "./Timeouts.ts"

/** A public model name, and who can serve it. */
export interface Resolution {
  readonly name: string
  readonly candidates: ReadonlyArray<Weighted>
  /** Tried in order after the candidates. */
  readonly fallbacks: ReadonlyArray<Weighted>
  readonly strategy: ModelAlias["strategy"]
  /** Most calls of providers, beside one of each candidate. */
  readonly attempts: number
  /** Other models that the caller would take, in order. */
  readonly next?: ReadonlyArray<Resolution> | undefined
}

/** A model as its provider lists it, under its public name, `gigachat/GigaChat-2-Max`. An alias has the price that the file says. */
export type CatalogModel = ProviderModel

/** Names that a user of the vendor would type, lower-case, to the vendor's own. */
const gigaChatNames: ReadonlyMap<string, string> = new Map([
  ["gigachat", "GigaChat-2"],
  ["gigachat-pro", "GigaChat-2-Pro"],
  ["gigachat-max", "GigaChat-2-Max"]
])

/** Models of a provider that lists none become labels by answering, up to this many. */
const unlistedLabels = 50

/** Which model is served by what (CONTRACT, "Model names"). */
export class Catalog extends Context.Service<
  Catalog,
  {
    readonly resolve: (name: string) => Result.Result<Resolution, ValidationError>
    /** The same of a request that names more models than one (`models`). */
    readonly resolveAll: (name: string, others: ReadonlyArray<string>) => Result.Result<Resolution, ValidationError>
    /** Every public name there is; a provider that does not answer is told with what it listed last, or what its vendor documents. */
    readonly list: Effect.Effect<ReadonlyArray<CatalogModel>>
    readonly find: (name: string) => Effect.Effect<CatalogModel, ValidationError>
    /** `provider/model` where it is of the catalogue, else `other`: what may become a metric's label. */
    readonly label: (provider: string, model: string) => string
    /** The model has answered: of a provider that lists none, this is how its models are known. */
    readonly answered: (provider: string, model: string) => void
  }
>()("xrouter/router/Catalog") {
  static readonly layer = Layer.effect(
    Catalog,
    Effect.gen(function* () {
      const settings = yield* Settings
      const providers = yield* Providers
      const changes = yield* ProviderChanges
      const clock = yield* Clock.Clock
      const scope = yield* Effect.scope
      const run = yield* FiberSet.makeRuntime()
      /** By provider and model: a name put together for each request would cost more than both look-ups. */
      const labels = new Map<string, Map<string, string>>()
      const name = (provider: string, model: string) => {
        let models = labels.get(provider)
        if (models === undefined) labels.set(provider, (models = new Map()))
        models.set(model, `${provider}/${model}`)
      }
      let unlisted = 0

      const listOf = (provider: Provider): ModelLists.ModelList => {
        const listed = (models: ReadonlyArray<ProviderModel>) => {
          for (const { id } of models) name(provider.name, id)
        }
        const list = ModelLists.make({ provider, clock, scope, listed })
        // So that metrics know the models' names before somebody asks for the list.
        run(list.models)
        return list
      }
      let lists: ReadonlyMap<string, ModelLists.ModelList> = new Map(
        [...providers].map(([name, provider]) => [name, listOf(provider)])
      )

      let patiences: ReadonlyMap<string, Patience> = new Map()
      const direct = (name: string, provider: string, model: string): Resolution | undefined => {
        const found = providers.get(provider)
        if (found === undefined || model.length === 0) return undefined
        const cost = costs.models.size === 0 ? undefined : costs.models.get(`${provider}/${model}`)
        return {
          name,
          candidates: [
            { provider: found, model, weight: 1, patience: patiences.get(provider) ?? defaultPatience, cost }
          ],
          fallbacks: none,
          strategy: "ordered",
          attempts: defaultAttempts
        }
      }

      const qualified = (name: string): Resolution | undefined => {
        const slash = name.indexOf("/")
        return slash <= 0 ? undefined : direct(name, name.slice(0, slash), name.slice(slash + 1))
      }

      /** What the names of our folder's models begin with. */
      let folder: string | undefined

      const bare = (name: string): Resolution | undefined => {
        if (folder !== undefined && name.startsWith(folder) && name !== folder) return direct(name, "yandexgpt", name)
        if (name.includes("/")) return undefined
        const lower = name.toLowerCase()
        if (lower.startsWith("gigachat")) return direct(name, "gigachat", gigaChatNames.get(lower) ?? name)
        if (lower.startsWith("yandexgpt")) return direct(name, "yandexgpt", name)
        return undefined
      }

      let models = settings.models
      let costs = costsOf(models)
      let aliases: ReadonlyMap<string, Resolution> = new Map()
      const readNames = () => {
        const yandex = settings.providers.get("yandexgpt")
        folder = yandex?.kind === "yandexgpt" ? `gpt://${yandex.folderId}/` : undefined
        patiences = new Map([...settings.providers].map(([name, provider]) => [name, patienceOf(timeoutsOf(provider))]))
        models = settings.models
        costs = costsOf(models)
        aliases = aliasesOf(models, {
          costs,
          direct: (model) => qualified(model)?.candidates[0],
          timeoutsOf: (provider) => timeoutsOf(settings.providers.get(provider))
        })
      }
      readNames()
      changes.follow(({ made, retired }) => {
        const anew = new Map(made.map((provider) => [provider.name, listOf(provider)]))
        for (const { name } of retired) {
          const old = lists.get(name)
          if (old !== undefined) run(old.end)
        }
        lists = new Map(
          [...providers.keys()].flatMap((name) => {
            const list = anew.get(name) ?? lists.get(name)
            return list === undefined ? [] : [[name, list] as const]
          })
        )
        readNames()
      })

      const resolve = (name: string): Result.Result<Resolution, ValidationError> => {
        // The file was read again.
        if (models !== settings.models) readNames()
        const resolution = aliases.get(name) ?? qualified(name) ?? bare(name)
        return resolution === undefined ? Result.fail(unknownModel(name)) : Result.succeed(resolution)
      }

      const resolveAll = (name: string, others: ReadonlyArray<string>): Result.Result<Resolution, ValidationError> =>
        Result.flatMap(resolve(name), (first) => {
          const wanted = [...new Set(others)].filter((other) => other !== name)
          return Result.map(Result.all(wanted.map(resolve)), (next) => ({ ...first, next }))
        })

      const aliased = (id: string): CatalogModel => {
        const price = settings.models.get(id)?.price
        return { id, ownedBy: "xrouter", created: 0, ...(price === undefined ? {} : { price }) }
      }

      const list = Effect.gen(function* () {
        const all = yield* Effect.forEach(
          lists,
          ([provider, { models }]) =>
            Effect.map(models, (models) => models.map((model) => ({ ...model, id: `${provider}/${model.id}` }))),
          { concurrency: "unbounded" }
        )
        return [...[...settings.models.keys()].map(aliased), ...all.flat()]
      })

      const find = Effect.fn("Catalog.find")(function* (name: string) {
        const resolution = yield* Effect.fromResult(resolve(name))
        if (aliases.has(name)) return aliased(name)
        for (const { provider, model } of resolution.candidates) {
          const list = lists.get(provider.name)
          const models = list === undefined ? [] : yield* list.models
          const entry = models.find(({ id }) => id === model || id === unversioned(model))
          if (entry !== undefined) return { ...entry, id: name }
          // Without a list there is nothing to hold the name against.
          if (list?.isListed() !== true) return { id: name, ownedBy: provider.name, created: 0 }
        }
        return yield* unknownModel(name)
      })

      return {
        resolve,
        resolveAll,
        list,
        find,
        label: (provider, model) => labels.get(provider)?.get(model) ?? "other",
        answered: (provider, model) => {
          if (lists.get(provider)?.isListed() === true || labels.get(provider)?.has(model) === true) return
          if (unlisted++ < unlistedLabels) name(provider, model)
        }
      }
    })
  )
}

const none: ReadonlyArray<Weighted> = []

const timeoutsOf = (settings: ProviderSettings | undefined): Partial<Timeouts> | undefined =>
  settings !== undefined && "timeouts" in settings ? settings.timeouts : undefined

/** `yandexgpt:rc` and `yandexgpt/rc` are versions of what is listed as `yandexgpt`. */
const unversioned = (model: string): string =>
  model.replace(/^(?:gpt|emb):\/\/[^/]+\//, "").replace(/[:/](latest|rc|deprecated)$/, "")

/** In the words that OpenAI's API uses. */
const unknownModel = (name: string) =>
  new ValidationError({
    reason: "model_not_found",
    message: `The model \`${name.length > 100 ? `${name.slice(0, 100)}…` : name}\` does not exist or you do not have access to it.`
  })
