import { Result } from "effect"
import type { ChatRequest, Message } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
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

export const heard = (messages: ChatRequest["messages"]): Result.Result<Conversation, ValidationError> =>
  Result.map(Result.all(messages.map(textOf)), (texts) => {
    const lastUser = messages.findLastIndex((message) => message.role === "user")
    const lastOther = messages.findLastIndex((message) => message.role !== "tool" && message.role !== "function")
    return {
      text: texts[lastUser] ?? "",
      results: texts.slice(lastOther + 1),
      turns: messages.length,
      promptTokens: texts.reduce((tokens, text) => tokens + wordCount(text), 0)
    }
  })

const textOf = ({ content }: Message, index: number): Result.Result<string, ValidationError> => {
  if (content === undefined || content === null) return Result.succeed("")
  if (typeof content === "string") return Result.succeed(content)
  const strange = content.findIndex((part) => part.text === undefined)
  return strange === -1
    ? Result.succeed(content.map((part) => part.text ?? "").join("\n"))
    : Result.fail(
        new ValidationError({
          reason: "unsupported_parameter",
          message: "The sandbox reads text only",
          param: `messages[${index}].content[${strange}]`
        })
      )
}
