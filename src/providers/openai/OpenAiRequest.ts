import { Result } from "effect"
import type { ChatRequest, Message } from "../../domain/ChatRequest.ts"
import type { ValidationError } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import type { Lowered } from "../Dialect.ts"
import { elements, isNothing } from "../JsonText.ts"
import { type Carrier, checkParameters, droppedNames, unsupported } from "../Parameters.ts"
import type { Ways } from "./Vendors.ts"

type Fields = Record<string, Json | undefined>

/** A request that goes out as it came. Usage is counted for every answer, so it is asked for with every stream. */
export const asItCame = (model: string, request: ChatRequest): Fields =>
  request.stream === true
    ? { ...request, model, stream_options: { ...request.stream_options, include_usage: true } }
    : { ...request, model }

/** The same in a vendor's ways. */
export const inWays = (
  ways: Ways,
  carrier: Carrier,
  model: string,
  request: ChatRequest
): Result.Result<Lowered, ValidationError> => {
  const body = asItCame(model, request)
  const dropped = withoutLacking(ways, carrier, body)
  if (Result.isFailure(dropped)) return Result.fail(dropped.failure)
  const chosen = withChoice(ways, carrier, body)
  if (Result.isFailure(chosen)) return Result.fail(chosen.failure)
  withLength(ways, body)
  if (!ways.usageOption) delete body["stream_options"]

  const fault = imageFault(ways, carrier, request.messages)
  if (fault !== undefined) return fault
  if (!request.messages.some((message) => isOther(ways, message))) {
    return Result.succeed({ body, dropped: dropped.success })
  }
  body["messages"] = request.messages.map((message) => (isOther(ways, message) ? lowered(message) : message))
  const isForgetting = request.messages.some((message) => isForgotten(ways, message))
  return Result.succeed({ body, dropped: isForgetting ? [...dropped.success, "reasoning_content"] : dropped.success })
}

/** Takes out what the model does not have; fails where that would give another answer than was asked for. */
const withoutLacking = (
  { lacks, lacksThinking }: Ways,
  { provider, who }: Carrier,
  body: Fields
): Result.Result<ReadonlyArray<string>, ValidationError> => {
  let lacking: Fields | undefined
  for (const names of body["reasoning_effort"] === "none" ? [lacks] : [lacks, lacksThinking]) {
    for (const name of names) {
      if (body[name] === undefined) continue
      lacking ??= {}
      lacking[name] = body[name]
      delete body[name]
    }
  }
  if (lacking === undefined) return nothing
  const carrier = { provider, who, carried: none }
  const told = lacking
  return Result.map(checkParameters(told, carrier), () => droppedNames(told, carrier))
}

const none: ReadonlySet<string> = new Set()
const nothing: Result.Result<ReadonlyArray<string>, ValidationError> = Result.succeed([])

/** A choice of tools that the vendor has no word for, said by what it has: the tools that are offered. */
const withChoice = ({ choice }: Ways, carrier: Carrier, body: Fields): Result.Result<void, ValidationError> => {
  const asked = body["tool_choice"]
  if (choice === "any" || asked === undefined || (choice === "word" && typeof asked === "string")) return Result.void
  if (choice === "auto") {
    if (asked !== "auto" && asked !== "none") return unsupported(carrier, "tool_choice", "no tool can be required")
    delete body["tool_choice"]
    if (asked === "none") delete body["tools"]
    return Result.void
  }
  const name = isJsonObject(asked) && isJsonObject(asked["function"]) ? asked["function"]["name"] : undefined
  const named = elements(body["tools"]).filter(
    (tool) => isJsonObject(tool) && isJsonObject(tool["function"]) && tool["function"]["name"] === name
  )
  if (name === undefined || named.length !== 1) {
    return unsupported(carrier, "tool_choice", "it can be none, auto, required, or one function of the tools")
  }
  body["tools"] = named
  body["tool_choice"] = "required"
  return Result.void
}

/** Where both names are given the newer one counts. */
const withLength = ({ length }: Ways, body: Fields): void => {
  if (length === undefined) return
  const most = body["max_completion_tokens"] ?? body["max_tokens"]
  if (most === undefined) return
  delete body["max_completion_tokens"]
  delete body["max_tokens"]
  body[length] = most
}

// Messages

const isForgotten = ({ thoughts }: Ways, message: Message): boolean =>
  thoughts !== "all" &&
  message.role === "assistant" &&
  !isNothing(message.reasoning_content) &&
  (thoughts === "none" || isNothing(message.tool_calls))

const isOther = (ways: Ways, message: Message): boolean =>
  (message.role === "developer" && !ways.developer) || isForgotten(ways, message)

const lowered = (message: Message): JsonObject => {
  if (message.role === "developer") return { ...message, role: "system" }
  const { reasoning_content: _, ...rest }: JsonObject = message
  return rest
}

const imageFault = ({ imageUrls }: Ways, carrier: Carrier, messages: ReadonlyArray<Message>) => {
  if (imageUrls) return undefined
  for (const [index, { content }] of messages.entries()) {
    if (typeof content === "string" || content === undefined || content === null) continue
    const at = content.findIndex(({ image_url: image }) => image !== undefined && !image.url.startsWith("data:"))
    if (at === -1) continue
    return unsupported(carrier, `messages[${index}].content[${at}].image_url`, "images are taken as data: URLs alone")
  }
  return undefined
}
