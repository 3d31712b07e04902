import { Effect } from "effect"
import { ValidationError } from "../../domain/Errors.ts"
import { droppedNames } from "../Parameters.ts"
import type { Provider } from "../Provider.ts"
import { wordCount } from "./Words.ts"

/** Numbers of a vector unless the caller says how many. */
const usualDimensions = 256
const mostDimensions = 4096

/** Vectors that need no model: texts that share words are near each other, and the same text has the same vector, always. */
export const embedder =
  (name: string): NonNullable<Provider["embed"]> =>
  ({ dimensions = usualDimensions, input, model, more }) => {
    if (model !== "embed") return Effect.fail(unknownModel(name, model))
    if (dimensions > mostDimensions) return Effect.fail(tooManyDimensions)
    return Effect.succeed({
      dropped: droppedNames(more ?? {}, { provider: name, who: "the sandbox", carried: new Set() }),
      embeddings: Effect.sync(() => ({
        vectors: input.map((text) => vectorOf(text, dimensions)),
        promptTokens: input.reduce((sum, text) => sum + wordCount(text), 0)
      }))
    })
  }

/** Each word is counted in a place of its own, which its hash tells; of length 1, in numbers that float32 holds exactly. */
const vectorOf = (text: string, dimensions: number): ReadonlyArray<number> => {
  const counts = Array.from({ length: dimensions }, () => 0)
  for (const [word] of text.toLowerCase().matchAll(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu)) {
    const hash = hashOf(word)
    const place = (hash >>> 1) % dimensions
    counts[place] = (counts[place] ?? 0) + ((hash & 1) === 0 ? 1 : -1)
  }
  const length = Math.hypot(...counts)
  // No words, or words that cancel each other out.
  if (length === 0) counts[0] = 1
  return counts.map((count) => Math.fround(count / (length || 1)))
}

/** FNV-1a, 32 bits. */
const hashOf = (word: string): number => {
  let hash = 0x811c9dc5
  for (let at = 0; at < word.length; at++) hash = Math.imul(hash ^ word.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

const unknownModel = (name: string, model: string) =>
  new ValidationError({
    reason: "model_not_found",
    message: `The model \`${name}/${model.slice(0, 200)}\` has no embeddings: of the sandbox only embed has`,
    param: "model",
    provider: name
  })

const tooManyDimensions = new ValidationError({
  reason: "invalid_request",
  message: `The sandbox gives vectors of at most ${mostDimensions} numbers`,
  param: "dimensions"
})
