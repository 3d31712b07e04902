import { answer, usage } from "../conversation.ts"
import type { Dialect } from "../dialects.ts"
import { slots } from "./slots.ts"

const about = {
  id: "chatcmpl-BenchBenchBenchBenchBenchBench",
  created: 1_764_000_000,
  model: "bench-1",
  service_tier: "default",
  system_fingerprint: "fp_bench"
}

const event = (choices: ReadonlyArray<unknown>, counted: typeof usage | null): string =>
  `data: ${JSON.stringify({
    ...about,
    object: "chat.completion.chunk",
    choices,
    usage: counted,
    obfuscation: "0123456789abcdef"
  })}\n\n`

const choice = (content: object, finish_reason: "stop" | null) => [
  { index: 0, delta: content, logprobs: null, finish_reason }
]

const first = slots((slot) => event(choice({ role: "assistant", content: slot }, null), null))
const later = slots((slot) => event(choice({ content: slot }, null), null))
const end = [event(choice({}, "stop"), null), event([], usage), "data: [DONE]\n\n"]

/** As OpenAI's API answers today, with the fields that clients do not read. */
export const openAi: Dialect = {
  path: "/v1/chat/completions",
  whole: JSON.stringify({
    ...about,
    object: "chat.completion",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answer, refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: "stop"
      }
    ],
    usage: { ...usage, prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 } }
  }),
  streamType: "text/event-stream; charset=utf-8",
  piece: (index, text) => (index === 0 ? first(text) : later(text)),
  end: () => end
}
