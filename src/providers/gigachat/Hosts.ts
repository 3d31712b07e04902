import { Effect } from "effect"
import { gigachatDefaults } from "../../config/Defaults.ts"
import type { Provider, ProviderModel } from "../Provider.ts"

/** Where the vendor serves which of its models; what no other host's rule names is served by the first. */
export interface Hosts {
  readonly baseUrl: string
  readonly others: ReadonlyArray<{ readonly models: RegExp; readonly baseUrl: string }>
}

/** The vendor's public hosts: the third generation has one of its own, where v1 serves it as it serves the others elsewhere. */
export const publicHosts: Hosts = {
  baseUrl: gigachatDefaults.baseUrl,
  others: [{ models: /^GigaChat-3\b/i, baseUrl: gigachatDefaults.thirdBaseUrl }]
}

/** Chats are v2's where the operator's base URL says so, as in the vendor's SDK; files, vectors and lists of models have no v2. */
export const versionOf = (baseUrl: string): { readonly isV2: boolean; readonly v1: string } => {
  const v1 = baseUrl.replace(/\/v2(?=\/?$)/, "/v1")
  return { isV2: v1 !== baseUrl, v1 }
}

export interface Served {
  readonly models: RegExp
  readonly provider: Provider
}

/** One provider of several hosts: a chat goes to the host of its model, the list is that of all of them. */
export const acrossHosts = (first: Provider, others: ReadonlyArray<Served>): Provider => ({
  ...first,
  prepare: (call) => (others.find(({ models }) => models.test(call.model))?.provider ?? first).prepare(call),
  models: Effect.map(
    Effect.all([first.models, Effect.forEach(others, listed, { concurrency: "unbounded" })], { concurrency: 2 }),
    ([own, more]) => {
      const known = new Set(own.map(({ id }) => id))
      return [...own, ...more.flat().filter(({ id }) => !known.has(id))]
    }
  )
})

/** Not everybody can reach every host: one that does not answer takes its own models from the list and no others. */
const listed = ({ models, provider }: Served): Effect.Effect<ReadonlyArray<ProviderModel>> =>
  provider.models.pipe(
    Effect.timeout("3 seconds"),
    Effect.map((all) => all.filter(({ id }) => models.test(id))),
    Effect.catch(({ message }) =>
      Effect.as(Effect.logDebug(`A host of ${provider.name} does not list its models: ${message}`), [])
    )
  )
