import { Schema } from "effect"

/** Most texts of one request, as OpenAI bounds it. */
export const mostTexts = 2048

const Text = Schema.String.check(Schema.isMinLength(1))

/** A request for vectors in OpenAI's words (`POST /v1/embeddings`). Fields that are not named here stay on the value. */
export const EmbeddingRequest = Schema.Struct({
  model: Text,
  input: Schema.Union([Text, Schema.Array(Text).check(Schema.isMinLength(1), Schema.isMaxLength(mostTexts))]),
  encoding_format: Schema.optionalKey(Schema.Literals(["float", "base64"])),
  /** How many numbers a vector shall have. */
  dimensions: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 16 }))),
  user: Schema.optionalKey(Schema.String)
})
export type EmbeddingRequest = typeof EmbeddingRequest.Type

export const textsOf = ({ input }: EmbeddingRequest): ReadonlyArray<string> =>
  typeof input === "string" ? [input] : input
