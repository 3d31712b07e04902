import { Effect } from "effect"
import { embedAt, type EmbeddingEndpoint } from "../EmbeddingEndpoint.ts"
import type { Provider } from "../Provider.ts"
import { refusedBy } from "./OpenAiFault.ts"

/**
 * OpenAI's embeddings as OpenAI and those who follow it serve them. Numbers are asked for as numbers, which all of them have; who
 * sends base64 nevertheless is read too.
 */
export const make = (
  parts: Pick<EmbeddingEndpoint, "teller" | "upstream" | "credentials" | "textsPerCall">
): Provider["embed"] => {
  const endpoint: EmbeddingEndpoint = {
    ...parts,
    body: ({ dimensions, model, more }, texts) => {
      const [only] = texts
      return {
        ...more,
        model,
        // Some take one string and no list.
        input: only !== undefined && texts.length === 1 ? only : texts,
        encoding_format: "float",
        ...(dimensions === undefined ? {} : { dimensions })
      }
    },
    refuse: (refusal) => refusedBy(parts.teller, refusal)
  }
  return (call) => Effect.succeed({ dropped: [], embeddings: embedAt(endpoint, call) })
}
