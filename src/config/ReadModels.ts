import { Schema } from "effect"
import type { LimitSet } from "../domain/Principal.ts"
import { tierDefaults } from "./Defaults.ts"
import type { Faults } from "./Faults.ts"
import { type Entries, LimitsEntry, modelEntry, readEntry } from "./FileSchema.ts"
import type { ProvidersRead } from "./ReadProviders.ts"
import type { ModelAlias, Price } from "./Settings.ts"
import { ProviderModelName } from "./Values.ts"
import type { YamlFile } from "./YamlFile.ts"

const providerOf = (model: string): string => model.slice(0, model.indexOf("/"))

/** The aliases: public names over models of configured providers. */
export const readModels = (entries: Entries, { at }: YamlFile, providers: ProvidersRead, faults: Faults) => {
  const models = new Map<string, ModelAlias>()
  const ModelEntry = modelEntry(modelOf(providers))
  for (const [name, value] of Object.entries(entries)) {
    const here: YamlFile["at"] = (...path) => at("models", name, ...path)
    if (!/^[\w.:/-]+$/.test(name)) faults.add(here(), "Expected a name of letters, digits and any of . : / _ -")
    if (providers.has(providerOf(name))) {
      faults.add(here(), `Expected another name, this one is a model of the provider ${providerOf(name)}`)
    }
    const entry = readEntry(ModelEntry, value, here, faults)
    if (entry === undefined) continue
    const { attempts, candidates, fallbacks = [], price, strategy = "weighted", timeouts = {}, tools } = entry
    const isPriced = price !== undefined || candidates.some((candidate) => candidate.price !== undefined)
    if (strategy === "cheapest" && !isPriced) {
      faults.add(here("price"), "is required by the strategy cheapest")
    }
    models.set(name, {
      candidates: candidates.map(({ model, price, tools, weight = 1 }) => ({
        model,
        weight,
        ...(tools === undefined ? {} : { tools }),
        ...(price === undefined ? {} : { price: withCached(price) })
      })),
      fallbacks,
      strategy,
      timeouts,
      ...(attempts === undefined ? {} : { attempts }),
      ...(tools === undefined ? {} : { tools }),
      price: price && withCached(price)
    })
  }
  return models
}

const withCached = (price: Omit<Price, "cachedInput"> & { readonly cachedInput?: string }): Price => ({
  ...price,
  cachedInput: price.cachedInput
})

/** The name of a model whose provider is configured. */
const modelOf = (providers: ProvidersRead) => {
  const names = [...providers.keys()].sort().join(", ")
  return ProviderModelName.check(
    Schema.makeFilter((model) => providers.has(providerOf(model)), {
      message: `Expected a model of a configured provider (${names === "" ? "there is none" : names})`
    })
  )
}

/** The tiers of the file over the ones that always exist. */
export const readTiers = (entries: Entries, { at }: YamlFile, faults: Faults): ReadonlyMap<string, LimitSet> => {
  const tiers = new Map(tierDefaults)
  for (const [name, value] of Object.entries(entries)) {
    // A tier is a part of its keys, between hyphens: xr-<tier>-<random>-<checksum>.
    if (!/^[a-z0-9_]{1,32}$/.test(name)) {
      faults.add(at("tiers", name), "Expected a name of small letters, digits and underscores")
    }
    const limits = readEntry(LimitsEntry, value, (...path) => at("tiers", name, ...path), faults)
    if (limits !== undefined) tiers.set(name, limits)
  }
  return tiers
}

/** Limits of a provider's model, all callers together. */
export const readModelLimits = (entries: Entries, { at }: YamlFile, providers: ProvidersRead, faults: Faults) => {
  const modelLimits = new Map<string, LimitSet>()
  const Model = modelOf(providers)
  for (const [model, value] of Object.entries(entries)) {
    const here: YamlFile["at"] = (...path) => at("limits", model, ...path)
    readEntry(Model, model, here, faults)
    const limits = readEntry(LimitsEntry, value, here, faults)
    if (limits !== undefined) modelLimits.set(model, limits)
  }
  return modelLimits
}
