import { Result } from "effect"
import type { ChatRequest, Message, ToolCall, ToolMessage } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { readExactObject } from "../ExactJson.ts"
import { contentText } from "../MessageText.ts"
import { type Carrier, unsupported } from "../Parameters.ts"
import type { ToolOffer } from "../ToolOffer.ts"
import { callText, type WrittenCall } from "./CallText.ts"

/** What a model without tools is told of those that it may call; undefined where there are none. */
export const toolWords = ({ forced, functions, isRequired }: ToolOffer, isParallel: boolean): string | undefined =>
  functions.length === 0
    ? undefined
    : [
        `You can call functions. A call is an answer that is one JSON object of this form and nothing else, no explanation, no Markdown, no code fences:\n${form}`,
        `The arguments are an object that is valid against the JSON Schema in the function's "parameters". ${isParallel ? "Several calls at once are several elements of the list." : "The list holds one call and no more."}`,
        `The results follow in a message of this form:\n${resultForm}`,
        isRequired ? need(forced) : "Where no call is needed, answer in words.",
        `The functions, one a line:\n${functions.map(({ definition }) => functionLine(definition)).join("\n")}`
      ].join("\n\n")

const form = '{"tool_calls":[{"name":"the function\'s name","arguments":{}}]}'
const resultForm = '{"tool_results":[{"name":"the function\'s name","content":"what it gave"}]}'

const need = (forced: string | undefined) =>
  `This answer has to be a call${forced === undefined ? "" : ` of ${forced}`}: no other answer is accepted.`

const functionLine = ({ description, name, parameters }: ToolOffer["functions"][number]["definition"]) =>
  JSON.stringify({
    name,
    ...(description ? { description } : {}),
    parameters: parameters ?? { type: "object", properties: {} }
  })

// History

/** Whether a conversation has calls, or results of calls. */
export const hasCalls = (messages: ChatRequest["messages"]): boolean =>
  messages.some(
    (message) =>
      message.role === "tool" || (message.role === "assistant" && message.tool_calls && message.tool_calls.length > 0)
  )

/**
 * The conversation in words alone: calls as the model would write them, and the results of an answer's calls as one message of the
 * user's, in the order of the calls.
 */
export const conversationInWords = (
  carrier: Carrier,
  messages: ChatRequest["messages"]
): Result.Result<ChatRequest["messages"], ValidationError> =>
  Result.gen(function* () {
    const told: Array<Message> = []
    const answered = new Set<number>()
    for (const [index, message] of messages.entries()) {
      if (message.role === "tool") {
        if (answered.has(index)) continue
        return yield* invalid(carrier, `messages[${index}].tool_call_id`, "No call before it has this id")
      }
      if (message.role !== "assistant" || !message.tool_calls || message.tool_calls.length === 0) {
        told.push(message)
        continue
      }
      const { tool_calls: calls, ...rest } = message
      const content = yield* contentText(carrier, message.content, `messages[${index}].content`)
      const written = yield* Result.all(
        calls.map((call, at) => writtenCall(carrier, call, `messages[${index}].tool_calls[${at}]`))
      )
      told.push({ ...rest, content: callText({ content, calls: written }) })
      const results = resultsAfter(messages, index)
      const given: Array<{ readonly name: string; readonly content: string }> = []
      for (const [at, { id }] of calls.entries()) {
        const place = results.findIndex(({ message }) => message.tool_call_id === id)
        const [result] = place === -1 ? [] : results.splice(place, 1)
        if (result === undefined) {
          const path = `messages[${index}].tool_calls[${at}].id`
          return yield* invalid(carrier, path, "No message of role `tool` holds the result of this call")
        }
        answered.add(result.index)
        const content = yield* contentText(carrier, result.message.content, `messages[${result.index}].content`)
        given.push({ name: written[at]?.name ?? "", content })
      }
      told.push({ role: "user", content: JSON.stringify({ tool_results: given }) })
    }
    return told
  })

interface Given {
  readonly index: number
  readonly message: typeof ToolMessage.Type
}

/** The results behind a message, as far as only instructions stand between. */
const resultsAfter = (messages: ChatRequest["messages"], index: number): Array<Given> => {
  const results: Array<Given> = []
  for (let at = index + 1; at < messages.length; at++) {
    const message = messages[at]
    if (message?.role === "tool") results.push({ index: at, message })
    else if (message?.role !== "system" && message?.role !== "developer") break
  }
  return results
}

const writtenCall = (
  carrier: Carrier,
  { function: called, type }: ToolCall,
  path: string
): Result.Result<WrittenCall, ValidationError> => {
  if (called === undefined || type !== "function") {
    return unsupported(carrier, `${path}.type`, "only functions can be called")
  }
  const read = called.arguments.trim() === "" ? {} : readExactObject(called.arguments)
  return read === undefined
    ? invalid(carrier, `${path}.function.arguments`, "Expected the text of a JSON object")
    : Result.succeed({ name: called.name, arguments: read })
}

const invalid = ({ provider }: Carrier, param: string, message: string) =>
  Result.fail(new ValidationError({ reason: "invalid_body", param, message, provider }))
