import { Result } from "effect"
import type { ChatRequest, FunctionDefinition } from "../domain/ChatRequest.ts"
import { ValidationError } from "../domain/Errors.ts"
import { isJsonObject, type Json } from "../domain/Json.ts"
import { elements } from "./JsonText.ts"
import { type Carrier, unsupported } from "./Parameters.ts"

/** A function as a request defines it, and where. */
export interface Defined {
  readonly definition: FunctionDefinition
  readonly path: string
}

/** What `tools` and `tool_choice` come to. */
export interface ToolOffer {
  /** Those that may be called. */
  readonly functions: ReadonlyArray<Defined>
  /** One of them has to be. */
  readonly isRequired: boolean
  /** The one that has to be: named, or the only one. */
  readonly forced?: string | undefined
}

const none: ToolOffer = { functions: [], isRequired: false }

/** The functions that a request offers in `tools`. Fails where it offers something else, or asks for what it does not offer. */
export const toolOffer = (carrier: Carrier, request: ChatRequest): Result.Result<ToolOffer, ValidationError> =>
  request.tools === undefined && request.tool_choice === undefined ? Result.succeed(none) : offered(carrier, request)

const offered = (
  carrier: Carrier,
  { tool_choice: choice = "auto", tools = [] }: ChatRequest
): Result.Result<ToolOffer, ValidationError> =>
  Result.gen(function* () {
    if (choice === "none") return none
    const functions: Array<Defined> = []
    for (const [index, { function: definition, type }] of tools.entries()) {
      if (definition === undefined || type !== "function") {
        return yield* unsupported(carrier, `tools[${index}].type`, "only functions can be called")
      }
      functions.push({ definition, path: `tools[${index}].function` })
    }
    if (choice === "auto") return { functions, isRequired: false }
    if (choice === "required") return yield* required(carrier, functions)
    const asked = choice["allowed_tools"]
    if (choice["type"] === "allowed_tools" && isJsonObject(asked)) {
      const names = elements(asked["tools"]).map(nameIn)
      const strange = names.find((name) => !functions.some(({ definition }) => definition.name === name))
      if (names.length === 0 || strange !== undefined) return yield* unknownChoice(carrier, "tool_choice", "tools")
      const allowed = functions.filter(({ definition }) => names.includes(definition.name))
      return asked["mode"] === "required"
        ? yield* required(carrier, allowed)
        : { functions: allowed, isRequired: false }
    }
    if (choice["type"] !== "function") {
      return yield* unsupported(carrier, "tool_choice.type", "only functions can be called")
    }
    const forced = functions.find(({ definition }) => definition.name === nameIn(choice))?.definition.name
    return forced === undefined
      ? yield* unknownChoice(carrier, "tool_choice", "tools")
      : { functions, isRequired: true, forced }
  })

const required = (carrier: Carrier, functions: ReadonlyArray<Defined>): Result.Result<ToolOffer, ValidationError> => {
  const [only, ...others] = functions
  if (only === undefined) return unknownChoice(carrier, "tool_choice", "tools")
  return Result.succeed({
    functions,
    isRequired: true,
    ...(others.length === 0 ? { forced: only.definition.name } : {})
  })
}

const nameIn = (choice: Json): Json | undefined =>
  isJsonObject(choice) && isJsonObject(choice["function"]) ? choice["function"]["name"] : undefined

/** Of a choice, in one parameter, that another one does not hold. */
export const unknownChoice = ({ provider }: Carrier, param: string, holder: string) =>
  Result.fail(
    new ValidationError({
      reason: "invalid_body",
      param,
      message: `\`${param}\` asks for a function that \`${holder}\` does not hold`,
      provider
    })
  )
