import { Result } from "effect"
import { ValidationError } from "../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"
import { isNothing } from "./JsonText.ts"

/** A provider as one who carries a request's parameters, where it does not speak OpenAI's language. */
export interface Carrier {
  readonly provider: string
  /** Who it is, in a message to the caller: "`stop` is not supported by …". */
  readonly who: string
  /** The parameters that it puts in its own words, beside those that every provider carries. */
  readonly carried: ReadonlySet<string>
}

const carriedByAll = new Set(["model", "messages", "stream", "max_tokens", "max_completion_tokens"])

// What is refused

interface Demand {
  readonly param: string
  /** Asked only of values that are there. */
  readonly isMade: (value: Json, fields: JsonObject) => boolean
  readonly hint?: string
}

const isDemand = (value: Json) => value !== "none" && value !== "auto"

/** Left out, these would give another answer than the caller asked for: who cannot carry one refuses it where it is made. */
const demands: ReadonlyArray<Demand> = [
  { param: "tools", isMade: (value, fields) => !isNothing(value) && fields["tool_choice"] !== "none" },
  { param: "tool_choice", isMade: isDemand, hint: "no tool can be required" },
  { param: "functions", isMade: (value, fields) => !isNothing(value) && fields["function_call"] !== "none" },
  { param: "function_call", isMade: isDemand, hint: "no function can be required" },
  {
    param: "response_format",
    isMade: (value) => isJsonObject(value) && value["type"] !== "text",
    hint: "it can only be text"
  },
  { param: "n", isMade: (value) => value !== 1, hint: "it can only be 1" },
  { param: "stop", isMade: (value) => !isNothing(value) },
  { param: "logit_bias", isMade: (value) => !isNothing(value) },
  { param: "logprobs", isMade: (value) => value !== false },
  { param: "top_logprobs", isMade: (value) => value !== 0 },
  {
    param: "modalities",
    isMade: (value) => Array.isArray(value) && value.some((modality) => modality !== "text"),
    hint: "answers are text only"
  },
  { param: "audio", isMade: () => true, hint: "answers are text only" },
  { param: "web_search_options", isMade: () => true }
]

/** Refuses the first parameter that would have to change the answer, and could not. */
export const checkParameters = (fields: JsonObject, carrier: Carrier): Result.Result<void, ValidationError> => {
  for (const { param, isMade, hint } of demands) {
    const value = fields[param]
    if (isGiven(value) && !carrier.carried.has(param) && isMade(value, fields)) return unsupported(carrier, param, hint)
  }
  return Result.void
}

/** `param` is the path of what cannot be carried; the hint says what can. */
export const unsupported = ({ provider, who }: Carrier, param: string, hint?: string) =>
  Result.fail(
    new ValidationError({
      reason: "unsupported_parameter",
      message: `\`${param}\` is not supported by ${who}${hint === undefined ? "" : `: ${hint}`}`,
      param,
      provider
    })
  )

// What is dropped

/** Looked at above: refused, or asking for nothing. */
const demanding = new Set(demands.map(({ param }) => param))

/** Of no account to the answer: who asks, where it is kept, how soon it is wanted, and what the gateway itself does. */
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
const neutral: JsonObject = {
  temperature: 1,
  top_p: 1,
  top_k: 0,
  min_p: 0,
  frequency_penalty: 0,
  presence_penalty: 0,
  repetition_penalty: 1,
  verbosity: "medium"
}

/** The names go out in a header, and a caller may write anything as a name. */
const printable = /^[A-Za-z0-9_.-]{1,64}$/

/**
 * The parameters that are left out and might have changed the answer, by their OpenAI names; to be asked of fields that
 * passed `checkParameters`. `lost` are those that the provider carries, but not with this value.
 */
export const droppedNames = (
  fields: JsonObject,
  { carried }: Carrier,
  lost: ReadonlyArray<string> = []
): ReadonlyArray<string> =>
  Object.keys(fields).filter((name) => {
    if (lost.includes(name)) return true
    const value = fields[name]
    if (!isGiven(value) || value === neutral[name] || carriedByAll.has(name) || carried.has(name)) return false
    return !demanding.has(name) && !inaudible.has(name) && printable.test(name)
  })

const isGiven = (value: Json | undefined): value is Exclude<Json, null> => value !== undefined && value !== null
