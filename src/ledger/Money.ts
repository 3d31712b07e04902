/**
 * Money in whole millionths of a currency: sums of it are exact, however many, and no provider asks for less than one for a call.
 * Decimal text is what goes in and out; binary fractions have no part in it.
 */

const decimals = 12
const scale = 10n ** BigInt(decimals)
const scalePerMicro = scale / 1_000_000n

/** A decimal number with up to 12 decimals, exactly, in units of 10⁻¹². */
export const parseDecimal = (text: string): bigint => {
  const [whole = "", fraction = ""] = text.split(".")
  return BigInt(whole) * scale + BigInt(fraction.padEnd(decimals, "0"))
}

/** `total / per` of such units in millionths, rounded to the nearest one, halves up. Neither may be negative. */
export const toMicros = (total: bigint, per: bigint): bigint => {
  const divisor = per * scalePerMicro
  return (2n * total + divisor) / (2n * divisor)
}

/** As a decimal number, as short as it can be: `0.0002`, `12`. */
export const formatMicros = (micros: bigint): string => {
  const fraction = (micros % 1_000_000n).toString().padStart(6, "0").replace(/0+$/, "")
  return `${micros / 1_000_000n}${fraction === "" ? "" : `.${fraction}`}`
}
