import { Predicate, Result, Schema } from "effect"
import { describeIssues, type Faults } from "./Faults.ts"
import * as Values from "./Values.ts"
import { vendorNames } from "./Vendors.ts"
import type { YamlFile } from "./YamlFile.ts"
import { isUnset } from "./YamlPlace.ts"

/**
 * The structure of `xrouter.yaml`. Entries are decoded one by one (`readEntry`), so that a fault in one hides none of another.
 */

const Entries = Schema.Record(Schema.String, Schema.Unknown).annotate({ message: "Expected a map" })

export type Entries = typeof Entries.Type

const sectionNames = ["providers", "models", "tiers", "limits"] as const

/** The sections of the file, with their entries as they were written. */
export const readSections = (
  { at, value }: YamlFile,
  faults: Faults
): Record<(typeof sectionNames)[number], Entries> => {
  const entries = (value: unknown, ...path: ReadonlyArray<string>): Entries =>
    // A key with nothing behind it, as where all of its entries are commented out.
    value === undefined || value === ""
      ? {}
      : (readEntry(Entries, value, (...more) => at(...path, ...more), faults) ?? {})
  const sections = entries(value)
  for (const name of Object.keys(sections)) {
    if (!sectionNames.some((known) => known === name))
      faults.add(at(name), `Expected one of ${sectionNames.join(", ")}`)
  }
  return {
    providers: entries(sections["providers"], "providers"),
    models: entries(sections["models"], "models"),
    tiers: entries(sections["tiers"], "tiers"),
    limits: entries(sections["limits"], "limits")
  }
}

const Timeouts = Schema.Struct({
  connect: Schema.optionalKey(Values.Span),
  firstToken: Schema.optionalKey(Values.Span),
  idle: Schema.optionalKey(Values.Span),
  total: Schema.optionalKey(Values.Span)
})

/** How a provider is called. */
const calling = {
  concurrency: Schema.optionalKey(Values.Count),
  timeouts: Schema.optionalKey(Timeouts),
  circuit: Schema.optionalKey(
    Schema.Struct({ failures: Schema.optionalKey(Values.Count), cooldown: Schema.optionalKey(Values.Span) })
  ),
  fanOut: Schema.optionalKey(Values.Switch),
  propagateTrace: Schema.optionalKey(Values.Switch)
}

/** What the file may add to a provider of the environment. */
export const CallingEntry = Schema.Struct({
  kind: Schema.Literals(["openai", "gigachat", "yandexgpt"]),
  ...calling
}).annotate({ message: "Expected its kind, and beside it concurrency, timeouts, circuit, fanOut or propagateTrace" })

const ofEveryProvider = { caBundleFile: Schema.optionalKey(Values.Text), ...calling }

export const ProviderEntry = Schema.Union([
  Schema.Struct({
    kind: Schema.Literal("openai"),
    vendor: Schema.optionalKey(Values.choice(vendorNames)),
    baseUrl: Schema.optionalKey(Values.UpstreamUrl),
    apiKey: Schema.optionalKey(Values.Secret),
    project: Schema.optionalKey(Values.Text),
    headers: Schema.optionalKey(Values.Headers),
    ...ofEveryProvider
  }),
  Schema.Struct({
    kind: Schema.Literal("gigachat"),
    credentials: Schema.optionalKey(Values.Secret),
    accessToken: Schema.optionalKey(Values.Secret),
    certFile: Schema.optionalKey(Values.Text),
    keyFile: Schema.optionalKey(Values.Text),
    scope: Schema.optionalKey(Values.Text),
    baseUrl: Schema.optionalKey(Values.UpstreamUrl),
    authUrl: Schema.optionalKey(Values.UpstreamUrl),
    verifySslCerts: Schema.optionalKey(Values.Switch),
    ...ofEveryProvider
  }),
  Schema.Struct({
    kind: Schema.Literal("yandexgpt"),
    apiKey: Schema.optionalKey(Values.Secret),
    iamToken: Schema.optionalKey(Values.Secret),
    serviceAccountKeyFile: Schema.optionalKey(Values.Text),
    folderId: Schema.optionalKey(Values.Text),
    baseUrl: Schema.optionalKey(Values.UpstreamUrl),
    iamUrl: Schema.optionalKey(Values.UpstreamUrl),
    dataLogging: Schema.optionalKey(Values.Switch),
    ...ofEveryProvider
  })
]).annotate({ message: "Expected a provider whose kind is openai, gigachat or yandexgpt" })

const Price = Schema.Struct({
  input: Values.Decimal,
  output: Values.Decimal,
  cachedInput: Schema.optionalKey(Values.Decimal),
  currency: Values.Currency,
  per: Values.Count
})

const Tools = Values.choice(["native", "prompt"])

/** An alias. `Model` is what names a model of a configured provider. */
export const modelEntry = (Model: typeof Values.ProviderModelName) =>
  Schema.Struct({
    candidates: Schema.NonEmptyArray(
      Schema.Struct({
        model: Model,
        weight: Schema.optionalKey(Values.Weight),
        tools: Schema.optionalKey(Tools),
        price: Schema.optionalKey(Price)
      })
    ).annotate({ message: "Expected a list of { model: provider/model, weight: 1 }" }),
    fallbacks: Schema.optionalKey(Schema.Array(Model).annotate({ message: "Expected a list of provider/model" })),
    strategy: Schema.optionalKey(Values.choice(["weighted", "ordered", "fastest", "cheapest"])),
    timeouts: Schema.optionalKey(Timeouts),
    attempts: Schema.optionalKey(Values.Count),
    tools: Schema.optionalKey(Tools),
    price: Schema.optionalKey(Price)
  }).annotate({ message: "Expected a map with candidates" })

export const LimitsEntry = Schema.Struct({
  rpm: Schema.optionalKey(Values.Count),
  rpd: Schema.optionalKey(Values.Count),
  tpm: Schema.optionalKey(Values.Count),
  tpd: Schema.optionalKey(Values.Count),
  concurrency: Schema.optionalKey(Values.Count)
}).annotate({ message: "Expected a map of limits" })

/** A part of the file by its schema; undefined, with its faults told, where it does not fit. */
export const readEntry = <A>(
  schema: Schema.Decoder<A>,
  value: unknown,
  at: YamlFile["at"],
  faults: Faults
): A | undefined => {
  const decoded = Schema.decodeUnknownResult(schema)(value, { errors: "all", onExcessProperty: "error" })
  if (Result.isSuccess(decoded)) return decoded.success
  for (const { message, path } of describeIssues(decoded.failure)) {
    // That a variable is not set was told where the file refers to it.
    if (!isUnset(valueAt(value, path))) faults.add(at(...path), message)
  }
  return undefined
}

const valueAt = (value: unknown, path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((inner, step) => (Predicate.hasProperty(inner, step) ? inner[step] : undefined), value)
