import type { ModelPrice } from "../providers/Provider.ts"
import type { ModelPricing } from "./ModelsApi.ts"

const decimals = 12

/** Of decimal text with at most 12 decimals, in units of 10⁻¹² for one token, to the nearest. */
const perToken = (amount: string, per: number): string => {
  const [whole = "", fraction = ""] = amount.split(".")
  const units = BigInt(whole + fraction.padEnd(decimals, "0"))
  const divisor = BigInt(per)
  const digits = ((2n * units + divisor) / (2n * divisor)).toString().padStart(decimals + 1, "0")
  const decimalPart = digits.slice(-decimals).replace(/0+$/, "")
  return `${digits.slice(0, -decimals)}${decimalPart === "" ? "" : `.${decimalPart}`}`
}

/** A price as `/v1/models` tells it: for one token, as decimal text, in a currency that it names. */
export const pricingOf = ({
  asOf,
  cachedInput,
  currency,
  input,
  output,
  per,
  source
}: ModelPrice): (typeof ModelPricing)["Type"] => ({
  prompt: perToken(input, per),
  completion: perToken(output, per),
  input_cache_read: perToken(cachedInput ?? input, per),
  currency,
  as_of: asOf ?? null,
  source: source ?? null
})
