import { Result } from "effect"
import type { ContentPart, Message } from "../domain/ChatRequest.ts"
import { ValidationError } from "../domain/Errors.ts"
import type { JsonObject } from "../domain/Json.ts"
import { isNothing } from "./JsonText.ts"
import { type Carrier, unsupported } from "./Parameters.ts"

/** The text of a message, for a provider that is told text and nothing else: no tools, no images. `path` is the message's. */
export const messageText = (
  carrier: Carrier,
  message: Message,
  path: string
): Result.Result<string, ValidationError> => {
  if (message.role === "tool" || message.role === "function") {
    return unsupported(carrier, `${path}.role`, "no results of tools are taken")
  }
  if (message.role === "assistant") {
    const fields: JsonObject = message
    const call = ["tool_calls", "function_call"].find((name) => !isNothing(fields[name]))
    if (call !== undefined) return unsupported(carrier, `${path}.${call}`)
  }
  return contentText(carrier, message.content, `${path}.content`)
}

/** The text of a content: its parts are lines of it. */
export const contentText = (
  carrier: Carrier,
  content: Message["content"],
  path: string
): Result.Result<string, ValidationError> => {
  if (content === undefined || content === null) return Result.succeed("")
  if (typeof content === "string") return Result.succeed(content)
  return Result.map(Result.all(content.map((part, index) => partText(carrier, part, `${path}[${index}]`))), (lines) =>
    lines.join("\n")
  )
}

export const partText = (carrier: Carrier, part: ContentPart, path: string): Result.Result<string, ValidationError> => {
  if (part.type !== "text" && part.type !== "refusal") return unsupported(carrier, path, "only text is read")
  const fields: JsonObject = part
  // A refusal is what the assistant said in an earlier turn.
  const text = fields[part.type]
  return typeof text === "string"
    ? Result.succeed(text)
    : Result.fail(
        new ValidationError({
          reason: "invalid_body",
          message: `A part of type ${part.type} needs its text`,
          param: `${path}.${part.type}`,
          provider: carrier.provider
        })
      )
}
