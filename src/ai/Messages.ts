import { Result } from "effect"
import * as AiError from "effect/ai/AiError"
import * as Prompt from "effect/ai/Prompt"
import * as Base64 from "effect/encoding/Base64"
import type { ContentPart, Message, ToolCall } from "../domain/ChatRequest.ts"

type Lowered<A> = Result.Result<A, AiError.AiErrorReason>

/**
 * A prompt as the messages of a chat request. What a message holds that no chat request can say is refused with its name; what another
 * vendor has done by itself (calls of its own tools and their results) is left out, as no provider here would know what to make of it.
 */
export const messagesOf = ({ content }: Prompt.Prompt): Lowered<ReadonlyArray<Message>> =>
  content.length === 0
    ? refused("The prompt is empty: it needs a message at least")
    : Result.map(Result.all(content.map(lowered)), (messages) => messages.flat())

const lowered = (message: Prompt.Message): Lowered<ReadonlyArray<Message>> => {
  switch (message.role) {
    case "system":
      return Result.succeed([{ role: "system", content: message.content }])
    case "user":
      return Result.map(Result.all(message.content.map(userPart)), (parts) => [
        { role: "user", content: joined(parts) }
      ])
    case "assistant":
      return Result.map(assistantMessage(message), (said) => [said])
    case "tool":
      return Result.succeed(message.content.flatMap((part) => (part.type === "tool-result" ? [toolMessage(part)] : [])))
  }
}

/** Text alone is told as text: every provider takes that. */
const joined = (parts: ReadonlyArray<ContentPart>): string | ReadonlyArray<ContentPart> => {
  const [first] = parts
  if (first === undefined) return ""
  return parts.length === 1 && first.text !== undefined ? first.text : parts
}

const userPart = (part: Prompt.UserMessagePart): Lowered<ContentPart> => {
  if (part.type === "text") return Result.succeed({ type: "text", text: part.text })
  if (!part.mediaType.startsWith("image/")) {
    return refused(`A file of type ${part.mediaType} cannot be sent: a message has text and images`)
  }
  const detail = part.options["xrouter"]
  return Result.succeed({
    type: "image_url",
    image_url: { url: urlOf(part), ...(isDetailed(detail) ? { detail: detail.detail } : {}) }
  })
}

/** `options: { xrouter: { detail: "low" } }` of an image: how closely a model shall look at it, where it can be told. */
const isDetailed = (options: unknown): options is { readonly detail: string } =>
  typeof options === "object" && options !== null && "detail" in options && typeof options.detail === "string"

const urlOf = ({ data, mediaType }: Prompt.FilePart): string => {
  if (data instanceof URL) return data.href
  if (typeof data === "string" && data.startsWith("data:")) return data
  const type = mediaType === "image/*" ? "image/jpeg" : mediaType
  return `data:${type};base64,${typeof data === "string" ? data : Base64.encode(data)}`
}

const assistantMessage = ({ content }: Prompt.AssistantMessage): Lowered<Message> => {
  const file = content.find((part) => part.type === "file")
  if (file !== undefined) {
    return refused(`A file of type ${file.mediaType} cannot be among the words of the assistant: those are text`)
  }
  const text = textOf(content, "text")
  const reasoning = textOf(content, "reasoning")
  const calls = content.flatMap((part) => (part.type === "tool-call" && !part.providerExecuted ? [toolCall(part)] : []))
  return Result.succeed({
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls })
  })
}

const textOf = (content: Prompt.AssistantMessage["content"], type: "text" | "reasoning"): string =>
  content.map((part) => (part.type === type ? part.text : "")).join("")

const toolCall = ({ id, name, params }: Prompt.ToolCallPart): ToolCall => ({
  id,
  type: "function",
  function: { name, arguments: JSON.stringify(params ?? {}) }
})

const toolMessage = ({ id, modelOutput, result }: Prompt.ToolResultPart): Message => ({
  role: "tool",
  tool_call_id: id,
  content: modelOutput === undefined ? written(result) : Prompt.toolModelOutputToText(modelOutput)
})

const written = (result: unknown): string => (typeof result === "string" ? result : JSON.stringify(result ?? null))

const refused = (description: string) => Result.fail(new AiError.InvalidUserInputError({ description }))
