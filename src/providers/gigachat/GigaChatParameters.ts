import { Result, Schema } from "effect"
import { type ChatRequest, maxTokens } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"

/**
 * Everything of a request beside its messages. A parameter is said in GigaChat's words; or refused, where the answer would be
 * another one without it; or dropped and named; or dropped in silence, where the answer is the same without it.
 */
export const lowerParameters = (
  request: ChatRequest
): Result.Result<{ readonly body: JsonObject; readonly dropped: ReadonlyArray<string> }, ValidationError> => {
  const fields: JsonObject = request
  for (const { param, refuses, message } of unsupported) {
    const value = fields[param]
    if (isGiven(value) && refuses(value, fields))
      return Result.fail(new ValidationError({ reason: "unsupported_parameter", param, message }))
  }
  const effort = lowerEffort(request.reasoning_effort)
  return Result.map(lowerExtensions(fields), (own) => ({
    body: {
      ...lowerSampling(request),
      max_tokens: maxTokens(request),
      reasoning_effort: effort,
      ...own,
      stream: request.stream === true ? true : undefined
    },
    dropped: droppedNames(fields, effort)
  }))
}

const isGiven = (value: Json | undefined): boolean => value !== undefined && value !== null

const isFilled = (value: Json | undefined): boolean =>
  isJsonObject(value)
    ? Object.keys(value).length > 0
    : Array.isArray(value) || typeof value === "string"
      ? value.length > 0
      : false

// What is refused

interface Rule {
  readonly param: string
  readonly refuses: (value: Json | undefined, fields: JsonObject) => boolean
  readonly message: string
}

const isDemand = (value: Json | undefined) => value !== "none" && value !== "auto"

const unsupported: ReadonlyArray<Rule> = [
  {
    param: "tools",
    refuses: (value, fields) => isFilled(value) && fields["tool_choice"] !== "none",
    message: "Tools are not supported with GigaChat models"
  },
  {
    param: "tool_choice",
    refuses: isDemand,
    message: "Tools are not supported with GigaChat models, so none can be required"
  },
  {
    param: "functions",
    refuses: (value, fields) => isFilled(value) && fields["function_call"] !== "none",
    message: "Functions are not supported with GigaChat models"
  },
  {
    param: "function_call",
    refuses: isDemand,
    message: "Functions are not supported with GigaChat models, so none can be required"
  },
  {
    param: "response_format",
    refuses: (value) => isJsonObject(value) && value["type"] !== "text",
    message: "Structured output is not supported with GigaChat models: response_format can only be text"
  },
  {
    param: "n",
    refuses: (value) => value !== 1,
    message: "GigaChat models give one answer a request: n can only be 1"
  },
  { param: "stop", refuses: isFilled, message: "Stop sequences are not supported with GigaChat models" },
  { param: "logit_bias", refuses: isFilled, message: "logit_bias is not supported with GigaChat models" },
  {
    param: "logprobs",
    refuses: (value) => value !== false,
    message: "Log probabilities are not supported with GigaChat models"
  },
  {
    param: "top_logprobs",
    refuses: (value) => value !== 0,
    message: "Log probabilities are not supported with GigaChat models"
  },
  {
    param: "modalities",
    refuses: (value) => Array.isArray(value) && value.some((modality) => modality !== "text"),
    message: "GigaChat models answer in text only"
  },
  { param: "audio", refuses: () => true, message: "GigaChat models answer in text only, not in audio" },
  { param: "web_search_options", refuses: () => true, message: "Web search is not supported with GigaChat models" }
]

// What is said

/** GigaChat refuses a temperature of 0; its way to ask for the likeliest token each time is `top_p` 0. */
const lowerSampling = ({ temperature, top_p }: ChatRequest): JsonObject =>
  temperature === 0 ? { top_p: 0 } : { temperature, top_p }

/** GigaChat knows three levels; a level beyond its scale is the nearest of them, and "none" has no like. */
const lowerEffort = (effort: string | undefined): "low" | "medium" | "high" | undefined => {
  switch (effort) {
    case "low":
    case "medium":
    case "high":
      return effort
    case "minimal":
      return "low"
    case "xhigh":
      return "high"
    default:
      return undefined
  }
}

interface Extension {
  readonly param: string
  readonly is: (value: Json | undefined) => boolean
  readonly expected: string
}

/** GigaChat's own parameters, which a caller who knows the vendor gives beside OpenAI's. */
const extensions: ReadonlyArray<Extension> = [
  { param: "profanity_check", is: Schema.is(Schema.Boolean), expected: "true or false" },
  { param: "repetition_penalty", is: Schema.is(Schema.Finite), expected: "a number" },
  { param: "update_interval", is: Schema.is(Schema.Finite), expected: "a number of seconds" },
  { param: "flags", is: Schema.is(Schema.Array(Schema.String)), expected: "a list of strings" },
  { param: "function_ranker", is: isJsonObject, expected: "an object" }
]

const lowerExtensions = (fields: JsonObject): Result.Result<JsonObject, ValidationError> => {
  const lowered: Record<string, Json | undefined> = {}
  for (const { param, is, expected } of extensions) {
    const value = fields[param]
    if (!isGiven(value)) continue
    if (!is(value))
      return Result.fail(new ValidationError({ reason: "invalid_body", param, message: `Expected ${expected}` }))
    lowered[param] = value
  }
  return Result.succeed(lowered)
}

// What is dropped

/** Said or refused above. */
const handled = new Set([
  "model",
  "messages",
  "stream",
  "max_tokens",
  "max_completion_tokens",
  "temperature",
  "top_p",
  ...unsupported.map(({ param }) => param),
  ...extensions.map(({ param }) => param)
])

/** Of no account to the answer: who asks, where it is kept, how soon it is wanted, what the gateway itself does. */
const inaudible = new Set([
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "prompt_cache_retention",
  "metadata",
  "store",
  "service_tier",
  "prediction",
  "parallel_tool_calls",
  "stream_options"
])

/** Values that ask for what happens anyway. */
const neutral: JsonObject = { frequency_penalty: 0, presence_penalty: 0, top_k: 0, min_p: 0 }

/** The names go out in a header, and a caller may write anything as a name. */
const printable = /^[A-Za-z0-9_.-]{1,64}$/

const droppedNames = (fields: JsonObject, effort: string | undefined): ReadonlyArray<string> =>
  Object.keys(fields).filter((name) => {
    const value = fields[name]
    if (!isGiven(value) || handled.has(name) || inaudible.has(name) || value === neutral[name]) return false
    return name === "reasoning_effort" ? effort === undefined : printable.test(name)
  })
