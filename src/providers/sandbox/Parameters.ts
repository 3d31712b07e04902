import { Result } from "effect"
import type { ChatRequest } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import type { ChatCall } from "../Provider.ts"

/** Refuses what would have to change the answer, and could not. */
export const checkParameters = ({ model, request }: ChatCall): Result.Result<void, ValidationError> => {
  const fields: JsonObject = request
  const param = [...refused.keys()].find((name) => refused.get(name)?.(fields[name]) === true)
  if (param !== undefined) return unsupported(param, `\`${param}\` is not supported by the sandbox`)
  return model !== "tools" && isFilled(request.tools) && request.tool_choice !== "none"
    ? unsupported("tools", "Of the sandbox models only `tools` calls tools")
    : Result.void
}

/** What the sandbox's answers do not depend on. */
export const ignoredNames = (request: ChatRequest): ReadonlyArray<string> => {
  const fields: JsonObject = request
  return ignored.filter((name) => fields[name] !== undefined && fields[name] !== null)
}

const ignored = [
  "temperature",
  "top_p",
  "seed",
  "frequency_penalty",
  "presence_penalty",
  "reasoning_effort",
  "verbosity"
]

const isGiven = (value: Json | undefined) => value !== undefined && value !== null
const isFilled = (value: Json | undefined) =>
  Array.isArray(value) ? value.length > 0 : isJsonObject(value) && Object.keys(value).length > 0

const refused = new Map<string, (value: Json | undefined) => boolean>([
  ["functions", isFilled],
  ["response_format", (value) => isJsonObject(value) && value["type"] !== "text"],
  ["logit_bias", isFilled],
  ["logprobs", (value) => value === true],
  ["audio", isGiven],
  ["modalities", (value) => Array.isArray(value) && value.some((modality) => modality !== "text")],
  ["web_search_options", isGiven]
])

const unsupported = (param: string, message: string) =>
  Result.fail(new ValidationError({ reason: "unsupported_parameter", param, message }))
