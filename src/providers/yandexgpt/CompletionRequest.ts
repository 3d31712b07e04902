import { Result } from "effect"
import { type ChatRequest, maxTokens } from "../../domain/ChatRequest.ts"
import type { ValidationError } from "../../domain/Errors.ts"
import type { JsonObject } from "../../domain/Json.ts"
import { type Carrier, checkParameters, droppedNames } from "../Parameters.ts"
import { answerFormat } from "./AnswerFormat.ts"
import { lowerConversation } from "./Conversation.ts"
import { toolFields } from "./Tools.ts"

/**
 * The body of `POST /foundationModels/v1/completion` (CompletionRequest of Yandex Cloud's foundation models) but its
 * `modelUri`. Nothing is sent that the caller did not ask for.
 */
export const completionBody = (
  carrier: Carrier,
  request: ChatRequest
): Result.Result<{ readonly body: JsonObject; readonly dropped: ReadonlyArray<string> }, ValidationError> =>
  // On the way of each request: a generator costs as much as all that is done here.
  Result.flatMap(checkParameters(request, carrier), () =>
    Result.flatMap(lowerConversation(carrier, request.messages), (messages) =>
      Result.flatMap(toolFields(carrier, request), (tools) =>
        Result.map(answerFormat(carrier, request), (format) => ({
          body: { completionOptions: completionOptions(request), messages, ...tools, ...format },
          dropped: droppedNames(request, carrier, isTooHot(request) ? ["temperature"] : [])
        }))
      )
    )
  )

export const carried: ReadonlySet<string> = new Set([
  "temperature",
  "reasoning_effort",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "response_format"
])

/** The vendor documents 0 to 1 where OpenAI goes to 2. */
const hottest = 1

const isTooHot = ({ temperature }: ChatRequest): boolean => temperature !== undefined && temperature > hottest

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
