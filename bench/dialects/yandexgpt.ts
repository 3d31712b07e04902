import { answer, usage } from "../conversation.ts"
import type { Dialect } from "../dialects.ts"
import { slots } from "./slots.ts"

/** The counts are int64, which protobuf's JSON writes as strings. */
const counted = {
  inputTextTokens: `${usage.prompt_tokens}`,
  completionTokens: `${usage.completion_tokens}`,
  totalTokens: `${usage.total_tokens}`,
  completionTokensDetails: { reasoningTokens: "0" }
}

const snapshot = (text: string, status: string): string =>
  JSON.stringify({
    result: {
      alternatives: [{ message: { role: "assistant", text }, status: `ALTERNATIVE_STATUS_${status}` }],
      usage: counted,
      modelVersion: "07.11.2026"
    }
  })

const partial = slots((slot) => `${snapshot(slot, "PARTIAL")}\n`)
const final = slots((slot) => `${snapshot(slot, "FINAL")}\n`)

/** YandexGPT's own API: a stream is lines of JSON, and each line holds the whole text so far. */
export const yandexGpt: Dialect = {
  path: "/yandexgpt/foundationModels/v1/completion",
  whole: snapshot(answer, "FINAL"),
  streamType: "application/json",
  piece: (_index, _text, soFar) => partial(soFar),
  end: (whole) => [final(whole)]
}
