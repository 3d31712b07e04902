import { Context, Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { type ModelAlias, type Price, Settings } from "../config/Settings.ts"
import type { CallTokens, Cost } from "./CallRecord.ts"
import { parseDecimal, toMicros } from "./Money.ts"

/** A price that is in force, as the row of `prices` that the calls charged by it name. */
export interface ChargedPrice {
  readonly id: string
  readonly model: string
  readonly currency: string
  /** The amounts are for so many tokens. */
  readonly per: number
  readonly input: string
  readonly output: string
  /** `input` where the provider gives nothing off for what it had cached. */
  readonly cached_input: string
}

export interface Tariff {
  readonly price: ChargedPrice
  readonly costOf: (tokens: CallTokens) => Cost
}

/**
 * What models cost: what the configuration says of an alias, and nothing else. Vendors change their prices, and have others for
 * each contract; a guess would look like a bill. What is not known is told as such, never as 0.
 */
export class Pricing extends Context.Service<
  Pricing,
  {
    /** By the public name that was asked for; undefined where nobody has said a price. */
    readonly tariffOf: (model: string) => Tariff | undefined
  }
>()("xrouter/ledger/Pricing") {
  static readonly layer = Layer.effect(
    Pricing,
    Effect.map(Settings, (settings) => {
      let models = settings.models
      let tariffs = tariffsOf(models)
      return {
        tariffOf: (model) => {
          // The file was read again.
          if (models !== settings.models) tariffs = tariffsOf((models = settings.models))
          return tariffs.get(model)
        }
      }
    })
  )
}

const tariffsOf = (models: ReadonlyMap<string, ModelAlias>): ReadonlyMap<string, Tariff> => {
  const tariffs = new Map<string, Tariff>()
  for (const [name, { price }] of models) if (price !== undefined) tariffs.set(name, makeTariff(name, price))
  return tariffs
}

/** Rounds once, over the whole call: what a call costs is at most half a millionth off. */
export const makeTariff = (model: string, { cachedInput, currency, input, output, per }: Price): Tariff => {
  const terms = { model, currency, per, input, output, cached_input: cachedInput ?? input }
  const id = createHash("sha256")
    .update(JSON.stringify(Object.values(terms)))
    .digest("hex")
    .slice(0, 32)
  const amounts = {
    input: parseDecimal(terms.input),
    output: parseDecimal(terms.output),
    cached: parseDecimal(terms.cached_input)
  }
  const divisor = BigInt(per)
  return {
    price: { id, ...terms },
    costOf: ({ cached, completion, prompt }) => {
      // A provider that tells more cached tokens than there were tokens gives nobody a credit.
      const fromCache = Math.min(cached, prompt)
      const total =
        BigInt(prompt - fromCache) * amounts.input +
        BigInt(fromCache) * amounts.cached +
        BigInt(completion) * amounts.output
      return { micros: toMicros(total, divisor), currency }
    }
  }
}
