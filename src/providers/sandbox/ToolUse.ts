import { Result } from "effect"
import type { ChatRequest, Tool } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type Json } from "../../domain/Json.ts"
import { example } from "./SchemaExample.ts"

export interface ToolUse {
  readonly name: string
  /** JSON text. */
  readonly arguments: string
}

/** The call that answers a user's message: of the tool that `tool_choice` names, else of the first one; none where it forbids. */
export const toolUse = (request: ChatRequest, text: string): Result.Result<ToolUse | undefined, ValidationError> => {
  const tools = request.tools ?? []
  const strange = tools.findIndex((tool) => tool.function === undefined)
  if (strange !== -1)
    return refusal("unsupported_parameter", `tools[${strange}].type`, "Only functions can be called here")
  if (request.tool_choice === "none") return Result.succeed(undefined)
  const names = wanted(request.tool_choice)
  if (names === undefined) {
    return refusal("unsupported_parameter", "tool_choice.type", "Only functions can be chosen here")
  }
  const tool = names.length === 0 ? tools[0] : tools.find((tool) => names.includes(tool.function?.name))
  if (tool !== undefined) return Result.succeed(use(tool, text))
  return names.length > 0 || request.tool_choice === "required"
    ? refusal("invalid_request", "tool_choice", "`tool_choice` asks for a tool that `tools` does not hold")
    : Result.succeed(undefined)
}

/** The names that a choice narrows the tools to, empty for all of them. */
const wanted = (choice: ChatRequest["tool_choice"]): ReadonlyArray<Json | undefined> | undefined => {
  if (choice === undefined || typeof choice === "string") return []
  if (choice["type"] === "function") return [nameOf(choice)]
  const allowed = choice["type"] === "allowed_tools" ? choice["allowed_tools"] : undefined
  return isJsonObject(allowed) && Array.isArray(allowed["tools"]) ? allowed["tools"].map(nameOf) : undefined
}

const nameOf = (choice: unknown): Json | undefined =>
  isJsonObject(choice) && isJsonObject(choice["function"]) ? choice["function"]["name"] : undefined

/** Letters of the user's text that stand for a string: each string of a schema may ask for it. */
const mostLetters = 1000

const use = (tool: Tool, text: string): ToolUse => {
  const value = example(tool.function?.parameters ?? {}, text.slice(0, mostLetters).toWellFormed())
  return { name: tool.function?.name ?? "", arguments: JSON.stringify(isJsonObject(value) ? value : {}) }
}

const refusal = (reason: ValidationError["reason"], param: string, message: string) =>
  Result.fail(new ValidationError({ reason, param, message }))
