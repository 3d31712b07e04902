import type { ProviderOptions } from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import { addGenAIAnnotations } from "effect/ai/Telemetry"
import { type ChatRequest, maxTokens } from "../domain/ChatRequest.ts"

/** The span of a call in the words of OpenTelemetry's conventions for generative AI: what was asked. No text is told. */
export const annotateRequest = ({ span }: ProviderOptions, request: ChatRequest): void => {
  const { frequency_penalty, model, presence_penalty, seed, stop, temperature, top_p } = request
  addGenAIAnnotations(span, {
    provider: { name: "xrouter" },
    operation: { name: "chat" },
    request: {
      model,
      temperature,
      topP: top_p,
      maxTokens: maxTokens(request),
      frequencyPenalty: frequency_penalty,
      presencePenalty: presence_penalty,
      seed,
      stopSequences: stop === undefined ? undefined : [stop].flat()
    }
  })
}

/** And what was answered: by which model, why it ended, and what it has used. */
export const annotateParts = (
  { span }: ProviderOptions,
  parts: ReadonlyArray<Response.PartEncoded | Response.StreamPartEncoded>
): void => {
  for (const part of parts) {
    if (part.type === "response-metadata") addGenAIAnnotations(span, { response: { model: part.modelId } })
    if (part.type === "finish") {
      addGenAIAnnotations(span, {
        response: { finishReasons: [part.reason] },
        usage: { inputTokens: part.usage.inputTokens.total, outputTokens: part.usage.outputTokens.total }
      })
    }
  }
}
