import { Result } from "effect"
import * as AiError from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Tool from "effect/ai/Tool"
import type { FinishReason } from "../domain/ChatEvent.ts"
import type { Usage } from "../domain/Usage.ts"
import type { Reply } from "../router/Router.ts"

/** What is known of an answer beside its words. */
export interface AnswerHead {
  readonly requestId: string
  readonly reply: Pick<Reply, "attempts" | "candidate" | "dropped">
  /** The tools that the model was told of; undefined where the caller takes calls of others too. */
  readonly tools: ReadonlyArray<string> | undefined
}

/** A call as the model has written it. */
export interface Call {
  /** `undefined` where the provider gives none. */
  readonly id: string | undefined
  readonly name: string
  /** JSON; of a tool without parameters some models write nothing. */
  readonly arguments: string
}

/**
 * Who served, under `xrouter` of the metadata: `requestId`, `provider`, `model` (the provider's own name of it), `dropped` (parameters that
 * it could not carry) and `attempts` (the tries that failed before).
 *
 * It has no `id`: by one, Effect would send only what is new of a conversation the next time, and no provider here remembers the rest.
 */
export const metadataPart = ({ reply, requestId }: AnswerHead): Response.ResponseMetadataPartEncoded => {
  const { attempts, candidate, dropped } = reply
  return {
    type: "response-metadata",
    modelId: `${candidate.provider.name}/${candidate.model}`,
    metadata: {
      xrouter: {
        requestId,
        provider: candidate.provider.name,
        model: candidate.model,
        dropped: [...dropped],
        attempts: attempts.map((attempt) => ({ ...attempt }))
      }
    }
  }
}

/** Calls are named in the order in which they come, where the provider does not name them. */
export const callId = ({ requestId }: AnswerHead, { id }: Pick<Call, "id">, index: number): string =>
  id ?? `${requestId}:call:${index}`

/**
 * The calls of an answer. One whose arguments are no JSON is a failure that another try may mend; of an answer that was broken off it is
 * what is left of the last call, which nobody shall make.
 */
export const callParts = (
  head: AnswerHead,
  calls: Iterable<readonly [index: number, call: Call]>,
  reason: FinishReason | undefined
): Result.Result<ReadonlyArray<Response.ToolCallPartEncoded>, AiError.AiErrorReason> => {
  const parts: Array<Response.ToolCallPartEncoded> = []
  for (const [index, call] of calls) {
    const { name } = call
    if (head.tools !== undefined && !head.tools.includes(name)) {
      return Result.fail(new AiError.ToolNotFoundError({ toolName: name, availableTools: head.tools }))
    }
    const params = parametersOf(call)
    if (Result.isSuccess(params)) {
      parts.push({ type: "tool-call", id: callId(head, call, index), name, params: params.success })
    } else if (reason !== "length" && reason !== "content_filter") {
      return Result.fail(new AiError.ToolParameterValidationError({ toolName: name, description: params.failure }))
    }
  }
  return Result.succeed(parts)
}

const parametersOf = ({ arguments: text }: Call): Result.Result<unknown, string> =>
  text.trim() === ""
    ? Result.succeed({})
    : Result.try({
        try: () => Tool.unsafeSecureJsonParse(text),
        catch: () => "the model's arguments are no JSON"
      })

/** `refusal`: why the model would not, where it says so apart from its answer (OpenAI). */
export const finishPart = (
  reason: FinishReason | undefined,
  usage: Usage | undefined,
  refusal: string
): Response.FinishPartEncoded => ({
  type: "finish",
  reason: reason === undefined ? "unknown" : reasons[reason],
  usage: usageOf(usage),
  ...(refusal === "" ? {} : { metadata: { xrouter: { refusal } } })
})

const reasons = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter"
} as const

/** In tokens; nothing where the provider tells nothing. */
const usageOf = (usage: Usage | undefined): Response.FinishPartEncoded["usage"] => {
  if (usage === undefined) return { inputTokens: {}, outputTokens: {} }
  const { cachedTokens, completionTokens, promptTokens, reasoningTokens } = usage
  return {
    inputTokens: {
      total: promptTokens,
      cacheRead: cachedTokens,
      uncached: Math.max(0, promptTokens - cachedTokens)
    },
    outputTokens: {
      total: completionTokens,
      reasoning: reasoningTokens,
      text: Math.max(0, completionTokens - reasoningTokens)
    }
  }
}
