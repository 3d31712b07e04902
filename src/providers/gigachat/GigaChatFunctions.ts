import { Result } from "effect"
import type { ChatRequest, FunctionDefinition } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { elements, isNothing } from "../JsonText.ts"
import { type Carrier, unsupported } from "../Parameters.ts"
import { type FunctionNames, functionNames } from "./FunctionNames.ts"
import { inSubset } from "./SchemaSubset.ts"

/** A function as a request defines it, and where. */
interface Defined {
  readonly definition: FunctionDefinition
  readonly path: string
}

/** Which functions may be called, and whether one must be. */
export interface Offer {
  readonly functions: ReadonlyArray<Defined>
  /** The one that has to be called. */
  readonly forced?: string | undefined
  /** By OpenAI's older parameters, `functions` and `function_call`: the answer is told in theirs. */
  readonly isOld: boolean
}

const none: Offer = { functions: [], isOld: false }

/** The functions that a request offers, by `tools` or by OpenAI's older `functions`. */
export const offerOf = (carrier: Carrier, request: ChatRequest): Result.Result<Offer, ValidationError> =>
  isNothing(request.functions) && typeof request.function_call !== "object"
    ? newOffer(carrier, request)
    : oldOffer(carrier, request)

const newOffer = (carrier: Carrier, { tool_choice: choice = "auto", tools = [] }: ChatRequest) =>
  Result.gen(function* () {
    if (choice === "none") return none
    const functions: Array<Defined> = []
    for (const [index, { function: definition, type }] of tools.entries()) {
      if (definition === undefined || type !== "function") {
        return yield* unsupported(carrier, `tools[${index}].type`, "only functions can be called")
      }
      functions.push({ definition, path: `tools[${index}].function` })
    }
    if (choice === "auto") return { functions, isOld: false }
    if (choice === "required") return yield* required(carrier, functions)
    const asked = choice["allowed_tools"]
    if (choice["type"] === "allowed_tools" && isJsonObject(asked)) {
      const names = elements(asked["tools"]).map(nameIn)
      const strange = names.find((name) => !functions.some(({ definition }) => definition.name === name))
      if (names.length === 0 || strange !== undefined) return yield* unknownChoice(carrier, "tool_choice", "tools")
      const allowed = functions.filter(({ definition }) => names.includes(definition.name))
      return asked["mode"] === "required" ? yield* required(carrier, allowed) : { functions: allowed, isOld: false }
    }
    if (choice["type"] !== "function") {
      return yield* unsupported(carrier, "tool_choice.type", "only functions can be called")
    }
    const forced = functions.find(({ definition }) => definition.name === nameIn(choice))?.definition.name
    return forced === undefined
      ? yield* unknownChoice(carrier, "tool_choice", "tools")
      : { functions, forced, isOld: false }
  })

/** GigaChat cannot be made to call whichever function it likes; where there is one, that one can be forced. */
const required = (carrier: Carrier, functions: ReadonlyArray<Defined>): Result.Result<Offer, ValidationError> => {
  const [only, ...others] = functions
  if (only === undefined) return unknownChoice(carrier, "tool_choice", "tools")
  return others.length > 0
    ? unsupported(carrier, "tool_choice", "of several tools one can be required only by its name")
    : Result.succeed({ functions, forced: only.definition.name, isOld: false })
}

const oldOffer = (
  carrier: Carrier,
  { function_call: choice = "auto", functions = [], tools }: ChatRequest
): Result.Result<Offer, ValidationError> => {
  if (!isNothing(tools) && functions.length > 0)
    return invalid(carrier, "functions", "Give either `tools` or `functions`, which is their older name")
  if (choice === "none") return Result.succeed(none)
  const defined = functions.map((definition, index) => ({ definition, path: `functions[${index}]` }))
  if (choice === "auto") return Result.succeed({ functions: defined, isOld: true })
  return functions.some(({ name }) => name === choice.name)
    ? Result.succeed({ functions: defined, forced: choice.name, isOld: true })
    : unknownChoice(carrier, "function_call", "functions")
}

const nameIn = (choice: Json): Json | undefined =>
  isJsonObject(choice) && isJsonObject(choice["function"]) ? choice["function"]["name"] : undefined

const unknownChoice = ({ provider }: Carrier, param: string, holder: string) =>
  invalid({ provider }, param, `\`${param}\` asks for a function that \`${holder}\` does not hold`)

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
