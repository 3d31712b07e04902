import { Result } from "effect"
import type { ChatRequest, Message } from "../../domain/ChatRequest.ts"
import type { ValidationError } from "../../domain/Errors.ts"
import { contentText } from "../MessageText.ts"
import type { Carrier } from "../Parameters.ts"
import { wordCount } from "./Words.ts"

/** What the sandbox takes from the messages. */
export interface Conversation {
  /** The last thing that the user said. */
  readonly text: string
  /** What tools answered since somebody else spoke; empty when the last message is not theirs. */
  readonly results: ReadonlyArray<string>
  readonly turns: number
  readonly promptTokens: number
}

export const heard = (
  carrier: Carrier,
  messages: ChatRequest["messages"]
): Result.Result<Conversation, ValidationError> => {
  const said = messages.map(({ content }, index) =>
    contentText(carrier, withoutImages(content), `messages[${index}].content`)
  )
  return Result.map(Result.all(said), (texts) => {
    const lastUser = messages.findLastIndex((message) => message.role === "user")
    const lastOther = messages.findLastIndex((message) => message.role !== "tool" && message.role !== "function")
    return {
      text: texts[lastUser] ?? "",
      results: texts.slice(lastOther + 1),
      turns: messages.length,
      promptTokens: texts.reduce((tokens, text) => tokens + wordCount(text), 0)
    }
  })
}

/** Nobody looks at them here; a word in their place shows where each stood. */
const withoutImages = (content: Message["content"]): Message["content"] =>
  Array.isArray(content)
    ? content.map((part) => (part.type === "image_url" ? { type: "text", text: "[image]" } : part))
    : content
