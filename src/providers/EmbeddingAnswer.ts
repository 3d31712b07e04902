import { Result } from "effect"
import type { ProviderError } from "../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"
import { tokenCount } from "../domain/Usage.ts"
import { invalidAnswer, type Teller } from "./BrokenAnswers.ts"
import { elements, readJson } from "./JsonText.ts"
import type { Embeddings } from "./Provider.ts"

/**
 * Vectors as OpenAI sends them and others after it: `{data: [{index, embedding}], usage: {prompt_tokens}}`, where usage may stand
 * on each item instead. `embedding` is a list of numbers, or base64 of little-endian float32. They come back in the order of the
 * texts, exactly one for each; anything else would give a text the vector of another.
 */
export const readEmbeddings = (
  teller: Teller,
  count: number,
  body: string
): Result.Result<Embeddings, ProviderError> => {
  const json = readJson(body)
  if (!isJsonObject(json) || !Array.isArray(json["data"])) {
    return Result.fail(invalidAnswer(teller, "sent no list of vectors", body))
  }
  const items = elements(json["data"])
  if (items.length !== count) {
    return Result.fail(invalidAnswer(teller, `answered with ${items.length} vectors for ${count} texts`))
  }
  const placed = new Map<number, ReadonlyArray<number>>()
  let ofItems: number | undefined
  for (const [position, item] of items.entries()) {
    const vector = isJsonObject(item) ? vectorOf(item["embedding"]) : undefined
    if (vector === undefined || !isJsonObject(item)) {
      return Result.fail(invalidAnswer(teller, `sent a vector that cannot be read, at ${position}`))
    }
    const { index } = item
    placed.set(typeof index === "number" ? index : position, vector)
    const tokens = promptTokens(item)
    if (tokens !== undefined) ofItems = (ofItems ?? 0) + tokens
  }
  const vectors: Array<ReadonlyArray<number>> = []
  for (let index = 0; index < count; index++) {
    const vector = placed.get(index)
    if (vector === undefined) return Result.fail(invalidAnswer(teller, `sent no vector of index ${index}`))
    vectors.push(vector)
  }
  return Result.succeed({ vectors, promptTokens: promptTokens(json) ?? ofItems })
}

const promptTokens = ({ usage }: JsonObject): number | undefined =>
  isJsonObject(usage) && usage["prompt_tokens"] !== undefined && usage["prompt_tokens"] !== null
    ? tokenCount(usage["prompt_tokens"])
    : undefined

const vectorOf = (embedding: Json | undefined): ReadonlyArray<number> | undefined => {
  if (typeof embedding === "string") return fromBase64(embedding)
  return isVector(embedding) ? embedding : undefined
}

const isVector = (value: Json | undefined): value is ReadonlyArray<number> =>
  Array.isArray(value) && value.length > 0 && value.every(Number.isFinite)

const fromBase64 = (text: string): ReadonlyArray<number> | undefined => {
  const bytes = Buffer.from(text, "base64")
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined
  const vector = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4))
  return isVector(vector) ? vector : undefined
}
