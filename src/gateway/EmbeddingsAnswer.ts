import type { EmbeddingRequest } from "../domain/EmbeddingRequest.ts"

/** The body of an answer, in OpenAI's form. */
export const embeddingsAnswer = (
  { encoding_format, model }: EmbeddingRequest,
  vectors: ReadonlyArray<ReadonlyArray<number>>,
  promptTokens: number
): string =>
  JSON.stringify({
    object: "list",
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: encoding_format === "base64" ? base64(vector) : vector
    })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens }
  })

/** Little-endian float32, as the official SDKs ask for it unless told otherwise. */
const base64 = (vector: ReadonlyArray<number>): string => {
  const bytes = Buffer.allocUnsafe(vector.length * 4)
  for (const [index, number] of vector.entries()) bytes.writeFloatLE(number, index * 4)
  return bytes.toString("base64")
}
