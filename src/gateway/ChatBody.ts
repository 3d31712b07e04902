import { Result, Schema } from "effect"
import * as SchemaJITCompiler from "effect/schema/SchemaJITCompiler"
import { ChatRequest } from "../domain/ChatRequest.ts"
import { ValidationError } from "../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"
import { firstFault } from "./SchemaFault.ts"

// Every request is held against it. Where code must not be made at run time, the interpreter does the same.
SchemaJITCompiler.enable(ChatRequest.ast)
const isChatRequest = Schema.is(ChatRequest)
const explain = Schema.decodeUnknownResult(ChatRequest)

/**
 * A chat request from a parsed body. `null` counts as absent, as in OpenAI's API; `prompt` stands for one user message, and
 * exactly one of `prompt` and `messages` must be there. The body itself is narrowed, not copied: fields that XRouter does not
 * know stay on it.
 */
export const chatRequest = (body: unknown): Result.Result<ChatRequest, ValidationError> => {
  if (!isJsonObject(body)) return invalid("The body must be a JSON object")
  const present = withoutNulls(body)
  if (present["prompt"] !== undefined) {
    if (present["messages"] !== undefined) return invalid("Give `messages` or `prompt`, not both", "prompt")
    if (typeof present["prompt"] !== "string") return invalid("Expected a string", "prompt")
    const { prompt, ...rest } = present
    return narrowed({ ...rest, messages: [{ role: "user", content: prompt }] })
  }
  if (present["messages"] === undefined) return invalid("Missing required parameter: 'messages'", "messages")
  return narrowed(present)
}

const narrowed = (present: JsonObject): Result.Result<ChatRequest, ValidationError> => {
  if (present["model"] === undefined) return invalid("Missing required parameter: 'model'", "model")
  if (present["stream_options"] !== undefined && present["stream"] !== true) {
    return invalid("`stream_options` is only allowed when `stream` is true", "stream_options")
  }
  if (isChatRequest(present)) return Result.succeed(present)
  const explained = explain(present)
  if (Result.isSuccess(explained)) return Result.succeed(explained.success)
  const { message, path } = firstFault(explained.failure)
  // A message that is of no role at all: the union would print every shape it knows.
  if (path !== undefined && /^messages\[\d+\]$/.test(path)) {
    return invalid("Expected one of 'system', 'developer', 'user', 'assistant', 'tool', 'function'", `${path}.role`)
  }
  return invalid(message, path)
}

/** The body itself where nothing in it is null, as it is with most clients. */
export const withoutNulls = (body: JsonObject): JsonObject => {
  for (const key in body) {
    if (body[key] !== null && key !== "__proto__") continue
    const present: Record<string, Json | undefined> = {}
    for (const name of Object.keys(body)) {
      if (body[name] !== null && name !== "__proto__") present[name] = body[name]
    }
    return present
  }
  return body
}

/** Of a field with a value that OpenAI knows and we do not do. */
export const unsupported = (param: string, hint: string) =>
  Result.fail(
    new ValidationError({
      reason: "unsupported_parameter",
      message: `This value of \`${param}\` is not supported: ${hint}`,
      param
    })
  )

/** Of a body that is not what its endpoint asks for. */
export const invalid = (message: string, param?: string) =>
  Result.fail(
    new ValidationError({
      reason: "invalid_body",
      message: param === undefined || message.includes(param) ? message : `Invalid '${param}': ${message}`,
      ...(param === undefined ? {} : { param })
    })
  )
