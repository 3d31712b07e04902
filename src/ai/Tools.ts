import { Result } from "effect"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import { toCodecOpenAI } from "effect/ai/OpenAiStructuredOutput"
import * as Tool from "effect/ai/Tool"
import type { ChatRequest, ResponseFormat, Tool as ChatTool } from "../domain/ChatRequest.ts"
import { isJsonObject, type JsonObject } from "../domain/Json.ts"

type Lowered<A> = Result.Result<A, AiError.AiErrorReason>

/** `tools` and `tool_choice`; nothing where there are no tools. */
export const toolFields = ({
  toolChoice,
  tools
}: LanguageModel.ProviderOptions): Lowered<Pick<ChatRequest, "tools" | "tool_choice">> =>
  tools.length === 0
    ? Result.succeed({})
    : Result.map(Result.all(tools.map(toolOf)), (tools) => ({ tools, ...choice(toolChoice) }))

/** Of `oneOf` the others have been taken from the tools already. */
const choice = (choice: LanguageModel.ToolChoice<string>): Pick<ChatRequest, "tool_choice"> => {
  if (choice === "auto") return {}
  if (typeof choice === "string") return { tool_choice: choice }
  if ("tool" in choice) return { tool_choice: { type: "function", function: { name: choice.tool } } }
  return choice.mode === "required" ? { tool_choice: "required" } : {}
}

const toolOf = (tool: Tool.Any): Lowered<ChatTool> => {
  if (Tool.isProviderDefined(tool)) {
    return Result.fail(
      new AiError.ToolConfigurationError({
        toolName: tool.name,
        description: "it is built into one vendor's API, and none of the providers here has it"
      })
    )
  }
  const description = Tool.getDescription(tool)
  const strict = Tool.getStrictMode(tool)
  return Result.map(
    jsonSchema(() => Tool.getJsonSchema(tool)),
    (parameters) => ({
      type: "function",
      function: {
        name: tool.name,
        parameters,
        ...(description === undefined ? {} : { description }),
        ...(strict === undefined ? {} : { strict })
      }
    })
  )
}

/** `response_format`; nothing where the answer is a text. */
export const formatField = ({
  responseFormat
}: LanguageModel.ProviderOptions): Lowered<Pick<ChatRequest, "response_format">> =>
  responseFormat.type === "text"
    ? Result.succeed({})
    : Result.map(
        jsonSchema(() => objectCodec(responseFormat.schema).jsonSchema),
        (schema) => ({ response_format: strictly(responseFormat.objectName, schema) })
      )

const strictly = (name: string, schema: JsonObject): ResponseFormat => ({
  type: "json_schema",
  // OpenAI: "a-z, A-Z, 0-9, or contain underscores and dashes, with a maximum length of 64".
  json_schema: { name: name.replace(/[^\w-]/g, "_").slice(0, 64), schema, strict: true }
})

/**
 * The part of JSON Schema that OpenAI's structured outputs know: the narrowest of what the vendors take, and plain enough to be put into
 * words for the models of those who take none. What a field may lack it has as null.
 */
export const objectCodec: LanguageModel.CodecTransformer = toCodecOpenAI

const jsonSchema = (write: () => unknown): Lowered<JsonObject> =>
  Result.flatMap(Result.try({ try: write, catch: unsupported }), (schema): Lowered<JsonObject> =>
    isJsonObject(schema) ? Result.succeed(schema) : Result.fail(unsupported(schema))
  )

const unsupported = (cause: unknown) =>
  new AiError.UnsupportedSchemaError({ description: cause instanceof Error ? cause.message : String(cause) })
