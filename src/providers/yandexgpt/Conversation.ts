import { Result } from "effect"
import type { ChatRequest, Message, ToolCall } from "../../domain/ChatRequest.ts"
import type { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type JsonObject } from "../../domain/Json.ts"
import { readJson } from "../JsonText.ts"
import { contentText, messageText } from "../MessageText.ts"
import { type Carrier, unsupported } from "../Parameters.ts"
import { malformed } from "./Malformed.ts"

/** A call whose result is still to come. The vendor has no ids: results are told from each other by name and by order. */
interface OpenCall {
  readonly id: string
  readonly name: string
}

interface Given {
  readonly order: number
  readonly result: JsonObject
}

/**
 * A conversation in the vendor's words. A message holds exactly one of `text`, `toolCallList` and `toolResultList`: what an
 * assistant said beside its calls is a message before them, and the results that follow them are one message of the role user, in
 * the order of the calls.
 */
export const lowerConversation = (
  carrier: Carrier,
  messages: ChatRequest["messages"]
): Result.Result<ReadonlyArray<JsonObject>, ValidationError> => {
  const lowered: Array<JsonObject> = []
  let calls: ReadonlyArray<OpenCall> = []
  let answered = new Set<number>()
  let before: Message["role"] | undefined
  let results: Array<Given> = []

  const tellResults = () => {
    if (results.length === 0) return
    const toolResults = results.sort((a, b) => a.order - b.order).map(({ result }) => ({ functionResult: result }))
    lowered.push({ role: "user", toolResultList: { toolResults } })
    results = []
  }

  for (const [index, message] of messages.entries()) {
    const path = `messages[${index}]`
    if (message.role === "tool") {
      // Where ids are not unique, the first such call that has no result yet is meant.
      const order = calls.findIndex(({ id }, at) => id === message.tool_call_id && !answered.has(at))
      const call = calls[order]
      if (call === undefined) return malformed(carrier, `${path}.tool_call_id`, "No call before it has this id")
      answered.add(order)
      const content = contentText(carrier, message.content, `${path}.content`)
      if (Result.isFailure(content)) return Result.fail(content.failure)
      results.push({ order, result: { name: call.name, content: content.success } })
    } else {
      tellResults()
      const made = message.role === "assistant" ? (message.tool_calls ?? []) : []
      const told = textBeside(carrier, message, path)
      if (Result.isFailure(told)) return Result.fail(told.failure)
      const text = told.success
      // An assistant message without text says nothing.
      if (message.role !== "assistant" || text !== "") {
        lowered.push({ role: message.role === "developer" ? "system" : message.role, text })
      }
      if (made.length > 0) {
        // Some clients write calls that were made at once as messages one after the other.
        if (before !== "assistant") {
          calls = []
          answered = new Set()
        }
        const toolCalls: Array<JsonObject> = []
        for (const [at, call] of made.entries()) {
          const functionCall = lowerCall(carrier, call, `${path}.tool_calls[${at}]`)
          if (Result.isFailure(functionCall)) return Result.fail(functionCall.failure)
          toolCalls.push({ functionCall: functionCall.success })
          calls = [...calls, { id: call.id, name: functionCall.success.name }]
        }
        lowered.push({ role: "assistant", toolCallList: { toolCalls } })
      }
    }
    before = message.role
  }
  tellResults()
  return Result.succeed(lowered)
}

const textBeside = (carrier: Carrier, message: Message, path: string): Result.Result<string, ValidationError> =>
  message.role === "assistant" && message.tool_calls !== undefined
    ? messageText(carrier, { ...message, tool_calls: null }, path)
    : messageText(carrier, message, path)

const lowerCall = (
  carrier: Carrier,
  call: ToolCall,
  path: string
): Result.Result<{ readonly name: string; readonly arguments: JsonObject }, ValidationError> => {
  if (call.type !== "function") return unsupported(carrier, `${path}.type`, "a call can only be one of a function")
  if (call.function === undefined) return malformed(carrier, `${path}.function`, "A call of type function needs it")
  const { name, arguments: text } = call.function
  const read = text.trim() === "" ? {} : readJson(text)
  return isJsonObject(read)
    ? Result.succeed({ name, arguments: read })
    : malformed(carrier, `${path}.function.arguments`, "The arguments of a call must be the text of a JSON object")
}
