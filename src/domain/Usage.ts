/**
 * What one call used, in tokens. `promptTokens` includes the cached ones, as OpenAI counts; providers that count them
 * apart (GigaChat v1) are added up in their dialect.
 */
export interface Usage {
  readonly promptTokens: number
  readonly completionTokens: number
  readonly cachedTokens: number
  readonly reasoningTokens: number
}

const most = 2 ** 31 - 1

/** A provider's number as a count: strings are read, negative, broken and huge ones are clamped, so that nobody is credited. */
export const tokenCount = (value: unknown): number => {
  const number = typeof value === "string" ? Number(value) : value
  if (typeof number !== "number" || !Number.isFinite(number) || number <= 0) return 0
  return Math.min(Math.trunc(number), most)
}
