import { Result } from "effect"
import type { ChatRequest, Tool } from "../domain/ChatRequest.ts"
import type { ValidationError } from "../domain/Errors.ts"
import { invalid } from "./ChatBody.ts"
import { refused } from "./ResponsesRefusal.ts"
import type { ResponsesRequest, ResponsesTool } from "./ResponsesRequest.ts"

export interface ChosenTools {
  readonly chat: Pick<ChatRequest, "tools" | "tool_choice" | "parallel_tool_calls">
  /** As the client gave them. */
  readonly kept: ReadonlyArray<ResponsesTool>
  /** `tools.web_search`: by their types, since most of them have no name. */
  readonly dropped: ReadonlyArray<string>
}

/**
 * Functions, which the client itself calls. Tools that run at OpenAI (`web_search`, `file_search`, …) are left out, since clients
 * offer them whether the model has them or not; but a request that insists on one is refused.
 */
export const chosenTools = (asked: ResponsesRequest): Result.Result<ChosenTools, ValidationError> => {
  const allowed = allowedNames(asked.tool_choice)
  const tools: Array<Tool> = []
  const kept: Array<ResponsesTool> = []
  const dropped = new Set<string>()
  for (const [index, tool] of (asked.tools ?? []).entries()) {
    const { description, name, parameters, strict, type } = tool
    if (type !== "function") {
      dropped.add(typeName.test(type) ? `tools.${type}` : "tools")
      continue
    }
    if (name === undefined || name === null) {
      return invalid(`Missing required parameter: 'tools[${index}].name'`, `tools[${index}].name`)
    }
    kept.push(tool)
    if (allowed !== undefined && !allowed.has(name)) continue
    tools.push({
      type,
      function: {
        name,
        ...(description === undefined ? {} : { description }),
        ...(parameters === undefined ? {} : { parameters }),
        ...(strict === undefined ? {} : { strict })
      }
    })
  }
  if (tools.length === 0) {
    return asked.tool_choice === "required" || typeof asked.tool_choice === "object"
      ? refused("tool_choice", "none of `tools` is a function that it could choose")
      : Result.succeed({ chat: {}, kept, dropped: [...dropped] })
  }
  return Result.map(toolChoice(asked, tools), (choice) => ({
    chat: {
      tools,
      ...choice,
      ...(asked.parallel_tool_calls === undefined ? {} : { parallel_tool_calls: asked.parallel_tool_calls })
    },
    kept,
    dropped: [...dropped]
  }))
}

/** Undefined where all are. */
const allowedNames = (choice: ResponsesRequest["tool_choice"]): ReadonlySet<string> | undefined =>
  typeof choice === "object" && choice.type === "allowed_tools"
    ? new Set((choice.tools ?? []).flatMap(({ name }) => name ?? []))
    : undefined

const typeName = /^[\w.-]{1,64}$/

const toolChoice = (
  { tool_choice: choice }: ResponsesRequest,
  tools: ReadonlyArray<Tool>
): Result.Result<Pick<ChatRequest, "tool_choice">, ValidationError> => {
  if (choice === undefined) return Result.succeed({})
  if (typeof choice === "string") return Result.succeed({ tool_choice: choice })
  // The others are left out, which every upstream understands.
  if (choice.type === "allowed_tools") return Result.succeed({ tool_choice: choice.mode ?? "auto" })
  if (choice.type !== "function") return refused("tool_choice.type", "only a function can be chosen")
  return tools.some((tool) => tool.function?.name === choice.name)
    ? Result.succeed({ tool_choice: { type: "function", function: { name: choice.name } } })
    : invalid("It is not the name of a function of `tools`", "tool_choice.name")
}
