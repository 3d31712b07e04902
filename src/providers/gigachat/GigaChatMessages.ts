import { Result } from "effect"
import type { ChatRequest } from "../../domain/ChatRequest.ts"
import type { ValidationError } from "../../domain/Errors.ts"
import { messageText } from "../MessageText.ts"
import type { Carrier } from "../Parameters.ts"
import type { GigaChatMessage } from "./GigaChatWire.ts"

/**
 * A conversation as GigaChat v1 takes it: text only, one system message and that first, roles by turns. What the caller
 * said as `system` or `developer` later on is moved to the front: as a user's words it would lose its authority.
 */
export const lowerMessages = (
  carrier: Carrier,
  messages: ChatRequest["messages"]
): Result.Result<ReadonlyArray<GigaChatMessage>, ValidationError> => {
  const instructions: Array<string> = []
  const turns: Array<GigaChatMessage> = []
  for (const [index, message] of messages.entries()) {
    const text = messageText(carrier, message, `messages[${index}]`)
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
