import type { ModelAlias, Price } from "../config/Settings.ts"

/**
 * What models cost, for no more than to be compared: a token of prompt and one of answer together. The currency is that of the file's first
 * price; what is priced in another cannot be compared, and counts as unknown.
 */
export interface Costs {
  readonly of: (price: Price | undefined) => number | undefined
  /** By `provider/model`: what is said of a candidate, or of an alias that is nothing but that model. */
  readonly models: ReadonlyMap<string, number>
}

export const costsOf = (aliases: ReadonlyMap<string, ModelAlias>): Costs => {
  const all = [...aliases.values()]
  const priced = all.flatMap(({ candidates, fallbacks, price }) => {
    const [only] = candidates
    const own = candidates.flatMap(({ model, price }) => (price === undefined ? [] : [{ model, price }]))
    const isOne = only !== undefined && candidates.length === 1 && fallbacks.length === 0 && only.price === undefined
    return isOne && price !== undefined ? [{ model: only.model, price }] : own
  })
  const currency = all
    .flatMap(({ candidates, price }) => [price, ...candidates.map(({ price }) => price)])
    .find((price) => price !== undefined)?.currency
  const of: Costs["of"] = (price) =>
    price === undefined || price.currency !== currency
      ? undefined
      : (Number(price.input) + Number(price.output)) / price.per
  const models = new Map<string, number>()
  for (const { model, price } of priced) {
    const cost = of(price)
    if (cost !== undefined && !models.has(model)) models.set(model, cost)
  }
  return { of, models }
}
