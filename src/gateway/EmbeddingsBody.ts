import { Result, Schema } from "effect"
import { EmbeddingRequest, mostTexts } from "../domain/EmbeddingRequest.ts"
import type { ValidationError } from "../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"
import { invalid, unsupported, withoutNulls } from "./ChatBody.ts"
import { firstFault } from "./SchemaFault.ts"

export interface EmbeddingsBody {
  readonly request: EmbeddingRequest
  /** What is for the provider alone. */
  readonly more: JsonObject
}

const decode = Schema.decodeUnknownResult(EmbeddingRequest)

/** A request for embeddings from a parsed body. `null` counts as absent. */
export const embeddingsBody = (body: unknown): Result.Result<EmbeddingsBody, ValidationError> => {
  if (!isJsonObject(body)) return invalid("The body must be a JSON object")
  const { dimensions, encoding_format, input, model, ...more } = withoutNulls(body)
  if (model === undefined) return invalid("Missing required parameter: 'model'", "model")
  if (input === undefined) return invalid("Missing required parameter: 'input'", "input")
  // Of a union the schema would tell all that a value is not.
  const wrong = faultOfInput(input)
  if (wrong !== undefined) return wrong
  for (const name of ofChat) {
    if (more[name] !== undefined) return unsupported(name, "it belongs to `/v1/chat/completions`")
  }
  const decoded = decode({
    model,
    input,
    ...(encoding_format === undefined ? {} : { encoding_format }),
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(more["user"] === undefined ? {} : { user: more["user"] })
  })
  if (Result.isSuccess(decoded)) return Result.succeed({ request: decoded.success, more })
  const { message, path } = firstFault(decoded.failure)
  return invalid(message, path)
}

/** What would be answered otherwise than it asks. */
const ofChat = ["models", "provider", "stream"]

const faultOfInput = (input: Json): Result.Result<never, ValidationError> | undefined => {
  if (typeof input === "string") return input === "" ? invalid(emptyText, "input") : undefined
  if (!Array.isArray(input)) return invalid("Expected a string or a list of strings", "input")
  const texts: ReadonlyArray<Json> = input
  if (texts.length === 0) return invalid("Expected at least one text", "input")
  if (texts.some((text) => typeof text === "number" || Array.isArray(text))) {
    return unsupported("input", "give its texts, tokens are known to their own model only")
  }
  if (texts.length > mostTexts) return invalid(`Expected at most ${mostTexts} texts, got ${texts.length}`, "input")
  for (const [index, text] of texts.entries()) {
    if (typeof text !== "string") return invalid("Expected a string", `input[${index}]`)
    if (text === "") return invalid(emptyText, `input[${index}]`)
  }
  return undefined
}

const emptyText = "Expected a text that is not empty"
