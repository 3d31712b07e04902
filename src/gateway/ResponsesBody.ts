import { Result, Schema, Struct } from "effect"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ValidationError } from "../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"
import type { AnswerForm } from "./AnswerForm.ts"
import { invalid, withoutNulls } from "./ChatBody.ts"
import { responsesForm } from "./ResponsesForm.ts"
import { inputMessages } from "./ResponsesInput.ts"
import { refused } from "./ResponsesRefusal.ts"
import { ResponsesRequest, type TextFormat } from "./ResponsesRequest.ts"
import { chosenTools } from "./ResponsesTools.ts"
import { firstFault } from "./SchemaFault.ts"

const decode = Schema.decodeUnknownResult(ResponsesRequest)

/** What is asked in a chat's words, and how to answer in those of the Responses API. */
export interface AskedResponse {
  readonly chat: ChatRequest
  readonly form: AnswerForm
}

/** From a parsed body, whose `null` counts as absent. */
export const responsesRequest = (body: unknown): Result.Result<AskedResponse, ValidationError> => {
  if (!isJsonObject(body)) return invalid("The body must be a JSON object")
  const present = withoutNulls(body)
  for (const name of ["model", "input"]) {
    if (present[name] === undefined) return invalid(`Missing required parameter: '${name}'`, name)
  }
  for (const [name, hint] of stateful) {
    if (present[name] !== undefined && present[name] !== false) return refused(name, hint)
  }
  const decoded = decode(present)
  if (Result.isFailure(decoded)) {
    const { message, path } = firstFault(decoded.failure)
    return invalid(message, path)
  }
  const asked = decoded.success
  return Result.gen(function* () {
    const messages = yield* inputMessages(asked)
    const tools = yield* chosenTools(asked)
    const format = yield* responseFormat(asked.text?.format)
    const effort = asked.reasoning?.effort
    const chat: ChatRequest = {
      ...Struct.pick(asked, ["model", "stream", "temperature", "top_p", "user", "models", "provider"]),
      messages,
      ...tools.chat,
      ...format,
      ...(asked.max_output_tokens === undefined ? {} : { max_completion_tokens: asked.max_output_tokens }),
      ...(effort === undefined || effort === null ? {} : { reasoning_effort: effort })
    }
    const dropped = [...tools.dropped, ...lost(asked, present)]
    return { chat, form: responsesForm(asked, tools.kept, dropped) }
  })
}

/** They ask for something that the service remembers, and this one remembers nothing. */
const stateful: ReadonlyArray<readonly [name: string, hint: string]> = [
  ["previous_response_id", "no response is stored: send the whole conversation in `input`"],
  ["conversation", "no conversation is stored: send all of it in `input`"],
  ["background", "the answer comes with the request or not at all"],
  ["prompt", "no prompt is stored: send `instructions` and `input`"]
]

const responseFormat = (
  format: TextFormat | null | undefined
): Result.Result<Pick<ChatRequest, "response_format">, ValidationError> => {
  switch (format?.type) {
    case undefined:
    case "text":
      return Result.succeed({})
    case "json_object":
      return Result.succeed({ response_format: { type: "json_object" } })
    case "json_schema": {
      const { name, ...rest } = Struct.pick(format, ["name", "description", "schema", "strict"])
      for (const field of ["name", "schema"] as const) {
        if (format[field] === undefined || format[field] === null) {
          return invalid(`Missing required parameter: 'text.format.${field}'`, `text.format.${field}`)
        }
      }
      return Result.succeed({ response_format: { type: "json_schema", json_schema: { name: name ?? "", ...rest } } })
    }
  }
}

/** Of no account to the answer, or said in the chat. */
const accountedFor = new Set([
  ...Object.keys(ResponsesRequest.fields),
  ...stateful.map(([name]) => name),
  "store",
  "stream_options",
  "client_metadata",
  "safety_identifier",
  "service_tier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "prompt_cache_options"
])

const printable = /^[\w.-]{1,64}$/

/** What might have changed the answer, and is not passed on. */
const lost = (asked: ResponsesRequest, present: JsonObject): ReadonlyArray<string> => [
  ...(isSaid(asked.text?.verbosity) && asked.text.verbosity !== "medium" ? ["text.verbosity"] : []),
  ...(isSaid(asked.reasoning?.summary) ? ["reasoning.summary"] : []),
  ...Object.keys(present).filter((name) => {
    const value = present[name]
    return !accountedFor.has(name) && printable.test(name) && value !== neutral[name] && !isEmpty(value)
  })
]

/** Values that ask for what happens anyway. */
const neutral: JsonObject = { truncation: "disabled", top_logprobs: 0 }

const isEmpty = (value: Json | undefined): boolean => Array.isArray(value) && value.length === 0

const isSaid = (value: string | null | undefined): value is string => value !== undefined && value !== null
