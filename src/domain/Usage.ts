import { Schema } from "effect"

/**
 * What one call used, in tokens. `promptTokens` includes the cached ones, as OpenAI counts; providers that count them
 * apart (GigaChat v1) are added up in their dialect.
 */
export const Usage = Schema.Struct({
  promptTokens: Schema.Int,
  completionTokens: Schema.Int,
  cachedTokens: Schema.Int,
  reasoningTokens: Schema.Int
})
export type Usage = typeof Usage.Type

export const sumOf = (one: Usage, other: Usage): Usage => ({
  promptTokens: one.promptTokens + other.promptTokens,
  completionTokens: one.completionTokens + other.completionTokens,
  cachedTokens: one.cachedTokens + other.cachedTokens,
  reasoningTokens: one.reasoningTokens + other.reasoningTokens
})

const most = 2 ** 31 - 1

/** A provider's number as a count: strings are read, negative, broken and huge ones are clamped, so that nobody is credited. */
export const tokenCount = (value: unknown): number => {
  const number = typeof value === "string" ? Number(value) : value
  if (typeof number !== "number" || !Number.isFinite(number) || number <= 0) return 0
  return Math.min(Math.trunc(number), most)
}
