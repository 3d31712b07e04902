import { Result, Schema } from "effect"
import { type ChatRequest, maxTokens } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { type Carrier, checkParameters, droppedNames, unsupported } from "../Parameters.ts"
import type { Abilities } from "../Provider.ts"
import { tooLarge } from "./GigaChatFunctions.ts"
import { sees } from "./GigaChatImages.ts"
import { inSubset } from "./SchemaSubset.ts"

/** Everything of a request beside its messages and functions. */
export const lowerParameters = (
  carrier: Carrier,
  request: ChatRequest
): Result.Result<{ readonly body: JsonObject; readonly dropped: ReadonlyArray<string> }, ValidationError> => {
  const fields: JsonObject = request
  const own = Result.flatMap(checkParameters(fields, carrier), () => lowerExtensions(carrier, fields))
  return Result.flatMap(own, (own) =>
    Result.map(lowerFormat(carrier, request.response_format), (format) => {
      const effort = lowerEffort(request.reasoning_effort)
      return {
        body: {
          ...lowerSampling(request),
          max_tokens: maxTokens(request),
          reasoning_effort: effort,
          response_format: format,
          ...own,
          stream: request.stream === true ? true : undefined
        },
        dropped: droppedNames(
          fields,
          carrier,
          request.reasoning_effort !== undefined && effort === undefined ? ["reasoning_effort"] : []
        )
      }
    })
  )
}

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

/** GigaChat has a schema's fields beside its type, not in an object of their own. */
const lowerFormat = (
  carrier: Carrier,
  format: ChatRequest["response_format"]
): Result.Result<JsonObject | undefined, ValidationError> => {
  if (format === undefined || format.type === "text") return Result.succeed(undefined)
  if (format.type !== "json_schema") {
    return unsupported(carrier, "response_format", "it can only be text or json_schema")
  }
  const asked = format.json_schema?.schema
  const schema = asked ? inSubset(asked) : undefined
  if (schema === undefined) {
    return Result.fail(
      new ValidationError({
        reason: "invalid_body",
        param: "response_format.json_schema.schema",
        message: asked ? tooLarge : "A `response_format` of type json_schema needs its schema",
        provider: carrier.provider
      })
    )
  }
  return Result.succeed({ type: "json_schema", schema, strict: format.json_schema?.strict ?? undefined })
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

const lowerExtensions = ({ provider }: Carrier, fields: JsonObject): Result.Result<JsonObject, ValidationError> => {
  const lowered: Record<string, Json | undefined> = {}
  for (const { param, is, expected } of extensions) {
    const value = fields[param]
    if (value === undefined || value === null) continue
    if (!is(value)) {
      return Result.fail(
        new ValidationError({ reason: "invalid_body", param, message: `Expected ${expected}`, provider })
      )
    }
    lowered[param] = value
  }
  return Result.succeed(lowered)
}

export const carried: ReadonlySet<string> = new Set([
  "temperature",
  "top_p",
  "reasoning_effort",
  "tools",
  "tool_choice",
  "functions",
  "function_call",
  "response_format",
  ...extensions.map(({ param }) => param)
])

/** What every model of GigaChat can do by itself; the larger ones see images too. */
const abilities: Abilities = {
  parameters: new Set([...carried, "stream", "max_tokens", "max_completion_tokens"]),
  formats: new Set(["json_schema"]),
  isSchemaNarrow: true,
  isCallNamed: true,
  input: new Set(["text"])
}

const abilitiesWithImages: Abilities = { ...abilities, input: new Set(["text", "image"]) }

export const abilitiesOf = (model: string): Abilities => (sees(model) ? abilitiesWithImages : abilities)
