import { Result } from "effect"
import type { ContentPart, Message, ToolCall } from "../domain/ChatRequest.ts"
import type { ValidationError } from "../domain/Errors.ts"
import { invalid } from "./ChatBody.ts"
import { refused } from "./ResponsesRefusal.ts"
import type { InputItem, InputPart, ResponsesRequest } from "./ResponsesRequest.ts"

type Lowered<A> = Result.Result<A, ValidationError>

/**
 * The messages of a chat for the items of an input. Calls that follow one another, and what the model said with them, are one
 * message of the assistant: an upstream wants the results right after it. What the model thought is left out.
 */
export const inputMessages = ({ input, instructions }: ResponsesRequest): Lowered<ReadonlyArray<Message>> => {
  const messages: Array<Message> = instructions === undefined ? [] : [{ role: "system", content: instructions }]
  if (typeof input === "string") {
    messages.push({ role: "user", content: input })
    return Result.succeed(messages)
  }
  const known = new Set<string>()
  /** Of the last message, where it calls; so that a long row of calls is not copied for each of them. */
  let calls: Array<ToolCall> | undefined

  for (const [index, item] of input.entries()) {
    const path = `input[${index}]`
    switch (item.type ?? "message") {
      case "reasoning":
        continue
      case "message": {
        const said = message(item, path)
        if (Result.isFailure(said)) return Result.fail(said.failure)
        const last = messages.at(-1)
        if (calls !== undefined && said.success.role === "assistant" && last?.role === "assistant" && !last.content) {
          messages[messages.length - 1] = { ...last, content: said.success.content }
          continue
        }
        calls = undefined
        messages.push(said.success)
        continue
      }
      case "function_call": {
        const called = functionCall(item, path)
        if (Result.isFailure(called)) return Result.fail(called.failure)
        known.add(called.success.id)
        if (calls === undefined) {
          calls = []
          const last = messages.at(-1)
          if (last?.role === "assistant") messages[messages.length - 1] = { ...last, tool_calls: calls }
          else messages.push({ role: "assistant", content: null, tool_calls: calls })
        }
        calls.push(called.success)
        continue
      }
      case "function_call_output": {
        calls = undefined
        const { call_id, output } = item
        if (!isGiven(call_id)) return missing(`${path}.call_id`)
        if (!known.has(call_id))
          return invalid(`No function_call before it has the call_id '${call_id}'`, `${path}.call_id`)
        if (!isGiven(output)) return missing(`${path}.output`)
        const content = contentOf(output, `${path}.output`)
        if (Result.isFailure(content)) return Result.fail(content.failure)
        messages.push({ role: "tool", tool_call_id: call_id, content: content.success })
        continue
      }
      case "item_reference":
        return refused(path, "nothing is stored that it could refer to: send the item itself")
      default:
        return refused(`${path}.type`, "messages, function_call, function_call_output and reasoning are known")
    }
  }
  return messages.length === 0 ? invalid("There is no message in it", "input") : Result.succeed(messages)
}

const functionCall = ({ arguments: text, call_id, name }: InputItem, path: string): Lowered<ToolCall> => {
  if (!isGiven(call_id)) return missing(`${path}.call_id`)
  if (!isGiven(name)) return missing(`${path}.name`)
  if (!isGiven(text)) return missing(`${path}.arguments`)
  return Result.succeed({ id: call_id, type: "function", function: { name, arguments: text } })
}

type Content = string | ReadonlyArray<ContentPart>

const message = (
  { content, role }: InputItem,
  path: string
): Lowered<{ readonly role: NonNullable<InputItem["role"]>; readonly content: Content }> => {
  if (!isGiven(role)) return missing(`${path}.role`)
  if (!isGiven(content)) return missing(`${path}.content`)
  return Result.map(contentOf(content, `${path}.content`), (content) => ({ role, content }))
}

const contentOf = (content: string | ReadonlyArray<InputPart>, path: string): Lowered<Content> => {
  if (typeof content === "string") return Result.succeed(content)
  if (content.length === 0) return invalid("Expected at least one part", path)
  return Result.map(
    Result.all(content.map((part, index) => contentPart(part, `${path}[${index}]`))),
    // One text is what every upstream understands.
    (parts) => (parts.length === 1 && parts[0]?.text !== undefined ? parts[0].text : parts)
  )
}

const contentPart = ({ detail, image_url, refusal, text, type }: InputPart, path: string): Lowered<ContentPart> => {
  switch (type) {
    case "input_text":
    case "output_text":
    case "text":
      return isGiven(text) ? Result.succeed({ type: "text", text }) : missing(`${path}.text`)
    case "refusal":
      return isGiven(refusal) ? Result.succeed({ type: "text", text: refusal }) : missing(`${path}.refusal`)
    case "input_image":
      return isGiven(image_url)
        ? Result.succeed({
            type: "image_url",
            image_url: { url: image_url, ...(isGiven(detail) ? { detail } : {}) }
          })
        : refused(`${path}.image_url`, "a picture is given by its `image_url`, a data: URL or an address")
    default:
      return refused(`${path}.type`, "input_text, output_text, refusal and input_image are known")
  }
}

const isGiven = <A>(value: A | null | undefined): value is A => value !== undefined && value !== null

const missing = (param: string) => invalid(`Missing required parameter: '${param}'`, param)
