import { Result } from "effect"
import type { ChatRequest } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import type { JsonObject } from "../../domain/Json.ts"
import { isNothing } from "../JsonText.ts"
import { type Carrier, unsupported } from "../Parameters.ts"
import { type ToolOffer, toolOffer, unknownChoice } from "../ToolOffer.ts"
import { type FunctionNames, functionNames } from "./FunctionNames.ts"
import { inSubset } from "./SchemaSubset.ts"

/** Which functions may be called, and whether one must be. */
export interface Offer extends ToolOffer {
  /** By OpenAI's older parameters, `functions` and `function_call`: the answer is told in theirs. */
  readonly isOld: boolean
}

/** The functions that a request offers, by `tools` or by OpenAI's older `functions`. */
export const offerOf = (carrier: Carrier, request: ChatRequest): Result.Result<Offer, ValidationError> =>
  isNothing(request.functions) && typeof request.function_call !== "object"
    ? newOffer(carrier, request)
    : oldOffer(carrier, request)

/** GigaChat cannot be made to call whichever function it likes; where there is one, that one can be forced. */
const newOffer = (carrier: Carrier, request: ChatRequest): Result.Result<Offer, ValidationError> =>
  Result.flatMap(toolOffer(carrier, request), (offer) =>
    offer.isRequired && offer.forced === undefined
      ? unsupported(carrier, "tool_choice", "of several tools one can be required only by its name")
      : Result.succeed({ ...offer, isOld: false })
  )

const oldOffer = (
  carrier: Carrier,
  { function_call: choice = "auto", functions = [], tools }: ChatRequest
): Result.Result<Offer, ValidationError> => {
  if (!isNothing(tools) && functions.length > 0)
    return invalid(carrier, "functions", "Give either `tools` or `functions`, which is their older name")
  if (choice === "none") return Result.succeed({ functions: [], isRequired: false, isOld: true })
  const defined = functions.map((definition, index) => ({ definition, path: `functions[${index}]` }))
  if (choice === "auto") return Result.succeed({ functions: defined, isRequired: false, isOld: true })
  return functions.some(({ name }) => name === choice.name)
    ? Result.succeed({ functions: defined, isRequired: true, forced: choice.name, isOld: true })
    : unknownChoice(carrier, "function_call", "functions")
}

const invalid = ({ provider }: Pick<Carrier, "provider">, param: string, message: string) =>
  Result.fail(new ValidationError({ reason: "invalid_body", param, message, provider }))

// Names

/** Every function that a request speaks of: those that are offered first, then those that were called before. */
export const namesOf = (request: ChatRequest): FunctionNames =>
  functionNames([
    ...(request.tools ?? []).flatMap((tool) => tool.function?.name ?? []),
    ...(request.functions ?? []).map(({ name }) => name),
    ...request.messages.flatMap((message) => {
      if (message.role === "function") return message.name
      if (message.role !== "assistant") return []
      const calls = (message.tool_calls ?? []).flatMap((call) => call.function?.name ?? [])
      return message.function_call ? [...calls, message.function_call.name] : calls
    })
  ])

// Wire

/**
 * `functions` and `function_call`, or neither: `auto` without functions wakes GigaChat's own ones, and functions
 * without `auto` are not called.
 */
export const lowerFunctions = (
  { provider }: Carrier,
  { forced, functions }: Offer,
  names: FunctionNames
): Result.Result<JsonObject, ValidationError> => {
  if (functions.length === 0) return Result.succeed({})
  const lowered: Array<JsonObject> = []
  for (const { definition, path } of functions) {
    const { description, name, parameters } = definition
    const schema = inSubset(parameters ?? {})
    if (schema === undefined) return invalid({ provider }, `${path}.parameters`, tooLarge)
    if (schema["type"] !== "object") {
      return invalid({ provider }, `${path}.parameters`, "The parameters of a function have to be an object")
    }
    // Without a description GigaChat hardly ever calls a function.
    lowered.push({ name: names.toGigaChat(name), description: description || name, parameters: schema })
  }
  return Result.succeed({
    functions: lowered,
    function_call: forced === undefined ? "auto" : { name: names.toGigaChat(forced) }
  })
}

export const tooLarge =
  "The schema is too large: with its references put in place it is more than 2,000 schemas or 64 levels"
