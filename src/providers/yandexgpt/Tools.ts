import { Result } from "effect"
import type { ChatRequest, Tool } from "../../domain/ChatRequest.ts"
import type { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { isNothing } from "../JsonText.ts"
import { type Carrier, unsupported } from "../Parameters.ts"
import { malformed } from "./Malformed.ts"

/** The part of a completion request that offers tools: `tools`, `toolChoice`, `parallelToolCalls`; empty without tools. */
export const toolFields = (carrier: Carrier, request: ChatRequest): Result.Result<JsonObject, ValidationError> =>
  isNothing(request.tools) && isNothing(request.tool_choice) ? noTools : offeredTools(carrier, request)

const noTools = Result.succeed({})

const offeredTools = (carrier: Carrier, request: ChatRequest): Result.Result<JsonObject, ValidationError> =>
  Result.gen(function* () {
    const tools: Array<JsonObject> = []
    for (const [index, tool] of (request.tools ?? []).entries()) {
      tools.push(yield* functionTool(carrier, tool, `tools[${index}]`))
    }
    const choice = yield* toolChoice(carrier, request)
    if (tools.length === 0) return {}
    const { parallel_tool_calls } = request
    return {
      tools,
      ...(choice === undefined ? {} : { toolChoice: choice }),
      ...(isNothing(parallel_tool_calls) ? {} : { parallelToolCalls: parallel_tool_calls })
    }
  })

/** The names that the model may call. */
export const callable = ({ tools, tool_choice }: ChatRequest): ReadonlySet<string> =>
  new Set(tool_choice === "none" ? [] : namesOf(tools))

const namesOf = (tools: ChatRequest["tools"]): ReadonlyArray<string> =>
  (tools ?? []).flatMap((tool) => (tool.function === undefined ? [] : [tool.function.name]))

const functionTool = (carrier: Carrier, tool: Tool, path: string): Result.Result<JsonObject, ValidationError> => {
  if (tool.type !== "function") return unsupported(carrier, `${path}.type`, "a tool can only be a function")
  if (tool.function === undefined) return malformed(carrier, `${path}.function`, "A tool of type function needs it")
  const { name, description, parameters, strict } = tool.function
  return Result.succeed({
    function: {
      name,
      ...(isNothing(description) ? {} : { description }),
      // To OpenAI no schema is one of no parameters.
      parameters: parameters ?? { type: "object", properties: {} },
      ...(isNothing(strict) ? {} : { strict })
    }
  })
}

const modes: Readonly<Record<string, string>> = { none: "NONE", auto: "AUTO", required: "REQUIRED" }

/** Undefined where the caller leaves it to the vendor, which then lets the model choose. */
const toolChoice = (
  carrier: Carrier,
  { tools, tool_choice }: ChatRequest
): Result.Result<JsonObject | undefined, ValidationError> => {
  if (isNothing(tool_choice)) return Result.succeed(undefined)
  const offered = namesOf(tools)
  if (typeof tool_choice === "string") {
    return tool_choice === "required" && offered.length === 0
      ? malformed(carrier, "tool_choice", "A tool is required, but `tools` holds none")
      : Result.succeed({ mode: modes[tool_choice] })
  }
  if (tool_choice?.["type"] !== "function") {
    return unsupported(carrier, "tool_choice", "it can only be none, auto, required or the name of a function")
  }
  const name = nameIn(tool_choice["function"])
  return name !== undefined && offered.includes(name)
    ? Result.succeed({ functionName: name })
    : malformed(carrier, "tool_choice", "The function that is to be called is not among `tools`")
}

const nameIn = (value: Json | undefined): string | undefined => {
  const name = isJsonObject(value) ? value["name"] : undefined
  return typeof name === "string" ? name : undefined
}
