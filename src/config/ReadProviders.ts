import { Effect, Predicate, Schema } from "effect"
import { readVariable } from "./Environment.ts"
import type { Faults } from "./Faults.ts"
import { CallingEntry, type Entries, ProviderEntry, readEntry } from "./FileSchema.ts"
import * as Providers from "./Providers.ts"
import type { ProviderSettings } from "./Settings.ts"
import { Name } from "./Values.ts"
import type { Variable } from "./Variable.ts"
import * as Variables from "./Variables.ts"
import type { YamlFile } from "./YamlFile.ts"

/** The providers by name; one whose settings have faults is named without them, so that nothing else is blamed for it. */
export type ProvidersRead = ReadonlyMap<string, ProviderSettings | undefined>

/** The three that variables can describe, each under its kind's name. */
export const providersOfEnvironment = Effect.fnUntraced(function* (faults: Faults) {
  const read = <A>(variable: Variable<A>) => readVariable(variable, faults)
  const found = new Map<string, ProviderSettings | undefined>()

  const { gigachat, openai, yandexgpt } = Variables
  const gigachatFields = {
    credentials: yield* read(gigachat.credentials),
    accessToken: yield* read(gigachat.accessToken),
    certFile: yield* read(gigachat.certFile),
    keyFile: yield* read(gigachat.keyFile),
    scope: yield* read(gigachat.scope),
    baseUrl: yield* read(gigachat.baseUrl),
    authUrl: yield* read(gigachat.authUrl),
    caBundleFile: yield* read(gigachat.caBundleFile),
    verifySslCerts: yield* read(gigachat.verifySslCerts)
  }
  if (isAnySet(gigachatFields)) {
    found.set("gigachat", yield* Providers.gigachat(gigachatFields, placeOf(gigachat, gigachatFields), faults))
  }

  const yandexgptFields = {
    apiKey: yield* read(yandexgpt.apiKey),
    iamToken: yield* read(yandexgpt.iamToken),
    serviceAccountKeyFile: yield* read(yandexgpt.serviceAccountKeyFile),
    folderId: yield* read(yandexgpt.folderId),
    baseUrl: yield* read(yandexgpt.baseUrl),
    iamUrl: yield* read(yandexgpt.iamUrl),
    dataLogging: yield* read(yandexgpt.dataLogging)
  }
  if (isAnySet(yandexgptFields)) {
    found.set("yandexgpt", yield* Providers.yandexgpt(yandexgptFields, placeOf(yandexgpt, yandexgptFields), faults))
  }

  const openaiFields = { apiKey: yield* read(openai.apiKey), baseUrl: yield* read(openai.baseUrl) }
  if (isAnySet(openaiFields)) {
    found.set("openai", yield* Providers.openai(openaiFields, placeOf(openai, openaiFields), faults))
  }
  return found
})

const isAnySet = (fields: Readonly<Record<string, unknown>>): boolean =>
  Object.values(fields).some((value) => value !== undefined)

const placeOf = (
  variables: Readonly<Record<string, Variable<unknown>>>,
  fields: Readonly<Record<string, unknown>>
): Providers.Place<string> => {
  const name = (field: string) => variables[field]?.name ?? field
  const set = Object.keys(fields).filter((field) => fields[field] !== undefined)
  return { name, at: (field) => (field === undefined ? set.map(name).join(", ") : name(field)) }
}

/** Taken by the sandbox, whether it is on or off. */
const sandbox = "sandbox"

export const providersOfFile = Effect.fnUntraced(function* (
  entries: Entries,
  { at }: YamlFile,
  taken: ProvidersRead,
  faults: Faults
) {
  const found = new Map<string, ProviderSettings | undefined>()
  for (const [name, value] of Object.entries(entries)) {
    const here: YamlFile["at"] = (...path) => at("providers", name, ...path)
    if (!Schema.is(Name)(name)) faults.add(here(), "Expected a name of small letters, digits and hyphens")
    if (name === sandbox) faults.add(here(), "Expected another name, this one is the sandbox's")
    if (taken.has(name) && isCallingOnly(value)) {
      const calling = readEntry(CallingEntry, value, here, faults)
      if (calling !== undefined) found.set(name, withCalling(taken.get(name), calling, here, faults))
      continue
    }
    if (taken.has(name)) faults.add(here(), `Expected another name, the environment configures ${name} already`)
    const entry = readEntry(ProviderEntry, value, here, faults)
    const place = {
      name: (field: string) => field,
      at: (field?: string) => (field === undefined ? here() : here(field))
    }
    found.set(name, entry && (yield* completed(entry, place, faults)))
  }
  return found
})

const callingKeys = Object.keys(CallingEntry.fields)

/** Says nothing of who the provider is, only how it is called. */
const isCallingOnly = (value: unknown): boolean =>
  Predicate.isObject(value) && Object.keys(value).every((key) => callingKeys.includes(key))

const withCalling = (
  settings: ProviderSettings | undefined,
  { kind, ...calling }: typeof CallingEntry.Type,
  at: YamlFile["at"],
  faults: Faults
): ProviderSettings | undefined => {
  if (settings === undefined || settings.kind === "sandbox" || settings.kind === "own") return undefined
  if (settings.kind !== kind) faults.add(at("kind"), `Expected ${settings.kind}, as the environment configures it`)
  return { ...settings, ...calling }
}

const completed = (entry: typeof ProviderEntry.Type, place: Providers.Place<string>, faults: Faults) => {
  switch (entry.kind) {
    case "gigachat":
      return Providers.gigachat(entry, place, faults)
    case "yandexgpt":
      return Providers.yandexgpt(entry, place, faults)
    case "openai":
      return Providers.openai(entry, place, faults)
  }
}
