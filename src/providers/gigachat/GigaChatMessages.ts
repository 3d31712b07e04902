import { Result } from "effect"
import type { ChatRequest, ContentPart, Message } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import type { JsonObject } from "../../domain/Json.ts"
import type { GigaChatMessage } from "./GigaChatWire.ts"

/**
 * A conversation as GigaChat v1 takes it: text only, one system message and that first, roles by turns. What the caller
 * said as `system` or `developer` later on is moved to the front: as a user's words it would lose its authority.
 */
export const lowerMessages = (
  messages: ChatRequest["messages"]
): Result.Result<ReadonlyArray<GigaChatMessage>, ValidationError> => {
  const instructions: Array<string> = []
  const turns: Array<GigaChatMessage> = []
  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`
    const refused = refuseTools(message, path)
    if (refused !== undefined) return Result.fail(refused)
    const text = textOf(message.content, path)
    if (Result.isFailure(text)) return Result.fail(text.failure)
    if (message.role === "user" || message.role === "assistant") say(turns, message.role, text.success)
    else if (text.success !== "") instructions.push(text.success)
  }
  return Result.succeed(
    instructions.length === 0 ? turns : [{ role: "system", content: instructions.join("\n\n") }, ...turns]
  )
}

/** Two messages of one role in a row are one message of two lines: some models' templates insist on turns. */
const say = (turns: Array<GigaChatMessage>, role: "user" | "assistant", content: string): void => {
  const last = turns.at(-1)
  if (last === undefined || last.role !== role) turns.push({ role, content })
  else turns[turns.length - 1] = { role, content: [last.content, content].filter((text) => text !== "").join("\n") }
}

const refuseTools = (message: Message, path: string): ValidationError | undefined => {
  switch (message.role) {
    case "tool":
    case "function":
      return unsupported(`${path}.role`, "Results of tools are not supported with GigaChat models")
    case "assistant": {
      const fields: JsonObject = message
      if (message.tool_calls !== undefined && message.tool_calls !== null && message.tool_calls.length > 0)
        return unsupported(`${path}.tool_calls`, "Tool calls are not supported with GigaChat models")
      if (fields["function_call"] !== undefined && fields["function_call"] !== null)
        return unsupported(`${path}.function_call`, "Function calls are not supported with GigaChat models")
      return undefined
    }
    default:
      return undefined
  }
}

const textOf = (
  content: string | ReadonlyArray<ContentPart> | null | undefined,
  path: string
): Result.Result<string, ValidationError> => {
  if (content === null || content === undefined) return Result.succeed("")
  if (typeof content === "string") return Result.succeed(content)
  const texts: Array<string> = []
  for (const [index, part] of content.entries()) {
    const text = textOfPart(part, `${path}.content[${index}]`)
    if (Result.isFailure(text)) return text
    texts.push(text.success)
  }
  return Result.succeed(texts.join("\n"))
}

const textOfPart = (part: ContentPart, path: string): Result.Result<string, ValidationError> => {
  const fields: JsonObject = part
  if (part.type === "refusal" && typeof fields["refusal"] === "string") return Result.succeed(fields["refusal"])
  if (part.type !== "text")
    return Result.fail(
      unsupported(
        path,
        `Only text is supported in messages to GigaChat models, not parts of type "${nameOf(part.type)}"`
      )
    )
  return part.text === undefined
    ? Result.fail(
        new ValidationError({ reason: "invalid_body", param: `${path}.text`, message: "Text is missing here" })
      )
    : Result.succeed(part.text)
}

/** What a caller typed, short enough for a message. */
const nameOf = (type: string): string => (type.length > 40 ? `${type.slice(0, 40)}…` : type)

const unsupported = (param: string, message: string): ValidationError =>
  new ValidationError({ reason: "unsupported_parameter", param, message })
