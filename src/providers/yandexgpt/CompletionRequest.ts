import { Result } from "effect"
import { type ChatRequest, type ContentPart, maxTokens, type Message } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"

/**
 * The body of `POST /foundationModels/v1/completion` but its `modelUri`: roles and text, and the few options that the
 * vendor's CompletionOptions has. Nothing is sent that the caller did not ask for.
 */
export const completionBody = (
  provider: string,
  request: ChatRequest
): Result.Result<{ readonly body: JsonObject; readonly dropped: ReadonlyArray<string> }, ValidationError> =>
  Result.gen(function* () {
    const fields: JsonObject = request
    for (const [name, holds] of refused) {
      if (holds(fields[name], fields)) return yield* unsupported(provider, name)
    }
    const messages: Array<JsonObject> = []
    for (const [index, message] of request.messages.entries()) {
      const text = yield* messageText(provider, message, `messages[${index}]`)
      // An assistant message without text says nothing; the vendor wants exactly one kind of content in each.
      if (message.role === "assistant" && text === "") continue
      messages.push({ role: message.role === "developer" ? "system" : message.role, text })
    }
    return { body: { completionOptions: completionOptions(request), messages }, dropped: droppedNames(fields) }
  })

// Messages

const messageText = (provider: string, message: Message, path: string): Result.Result<string, ValidationError> => {
  if (message.role === "tool" || message.role === "function") return unsupported(provider, `${path}.role`)
  if (message.role === "assistant") {
    const fields: JsonObject = message
    const call = ["tool_calls", "function_call"].find((name) => isFilled(fields[name]))
    if (call !== undefined) return unsupported(provider, `${path}.${call}`)
  }
  if (message.content === undefined || message.content === null) return Result.succeed("")
  return typeof message.content === "string"
    ? Result.succeed(message.content)
    : Result.map(
        Result.all(message.content.map((part, index) => partText(provider, part, `${path}.content[${index}]`))),
        (texts) => texts.join("\n")
      )
}

const partText = (provider: string, part: ContentPart, path: string): Result.Result<string, ValidationError> => {
  const fields: JsonObject = part
  // A refusal is what the assistant said in an earlier turn.
  const text = part.type === "refusal" ? fields["refusal"] : part.text
  if (part.type !== "text" && part.type !== "refusal") return unsupported(provider, path)
  return typeof text === "string"
    ? Result.succeed(text)
    : Result.fail(
        new ValidationError({
          reason: "invalid_body",
          message: `A part of type ${part.type} needs its text`,
          param: `${path}.${part.type}`
        })
      )
}

// Options

/** The vendor documents 0 to 1 where OpenAI goes to 2. */
const hottest = 1

const completionOptions = (request: ChatRequest): JsonObject => {
  const most = maxTokens(request)
  return {
    stream: request.stream === true,
    ...(request.temperature === undefined ? {} : { temperature: Math.min(request.temperature, hottest) }),
    // int64, which protobuf's JSON writes as a string.
    ...(most === undefined ? {} : { maxTokens: String(most) }),
    ...(request.reasoning_effort === undefined ? {} : { reasoningOptions: { mode: mode(request.reasoning_effort) } })
  }
}

const mode = (effort: string) => (effort === "none" || effort === "minimal" ? "DISABLED" : "ENABLED_HIDDEN")

// What cannot be said

type Holds = (value: Json | undefined, fields: JsonObject) => boolean

const isSet = (value: Json | undefined) => value !== undefined && value !== null
const isFilled = (value: Json | undefined) =>
  Array.isArray(value) || typeof value === "string"
    ? value.length > 0
    : isJsonObject(value)
      ? Object.keys(value).length > 0
      : isSet(value)
const isDemand = (value: Json | undefined) => isSet(value) && value !== "none" && value !== "auto"
const isOver = (most: number) => (value: Json | undefined) => typeof value === "number" && value > most

/** Left out, these would give an answer that the caller did not ask for: they are refused where the condition holds. */
const refused = new Map<string, Holds>([
  ["tools", (value, fields) => isFilled(value) && fields["tool_choice"] !== "none"],
  ["functions", (value, fields) => isFilled(value) && fields["function_call"] !== "none"],
  ["tool_choice", isDemand],
  ["function_call", isDemand],
  ["response_format", (value) => isJsonObject(value) && value["type"] !== "text"],
  ["n", isOver(1)],
  ["stop", isFilled],
  ["logit_bias", isFilled],
  ["logprobs", (value) => value === true],
  ["top_logprobs", isOver(0)],
  ["audio", isSet],
  ["modalities", (value) => Array.isArray(value) && value.some((modality) => modality !== "text")],
  ["web_search_options", isSet]
])

const carried = new Set([
  "model",
  "messages",
  "stream",
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "reasoning_effort"
])

/** Left out without a word where they ask for what happens anyway. */
const idle = new Map<string, Holds>([
  ["temperature", (value) => !isOver(hottest)(value)],
  ["frequency_penalty", (value) => value === 0],
  ["presence_penalty", (value) => value === 0],
  ["store", (value) => value === false],
  ["service_tier", (value) => value === "auto" || value === "default"],
  ["parallel_tool_calls", () => true]
])

// The names go out in a header, and a caller may write anything as a name.
const printable = /^[A-Za-z0-9_.-]{1,64}$/

const droppedNames = (fields: JsonObject): ReadonlyArray<string> =>
  Object.keys(fields).filter((name) => {
    const value = fields[name]
    if (!isSet(value) || carried.has(name) || refused.has(name)) return false
    return idle.get(name)?.(value, fields) !== true && printable.test(name)
  })

const unsupported = (provider: string, param: string) =>
  Result.fail(
    new ValidationError({
      reason: "unsupported_parameter",
      message: `\`${param}\` is not supported with YandexGPT models`,
      param,
      provider
    })
  )
