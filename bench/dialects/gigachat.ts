import { answer, usage } from "../conversation.ts"
import type { Dialect } from "../dialects.ts"
import { slots } from "./slots.ts"

const about = { created: 1_764_000_000, model: "GigaChat-2-Max:2.0.28.2", object: "chat.completion" }
const counted = { ...usage, precached_prompt_tokens: 0 }

const event = (choice: object, more: object = {}): string =>
  `data: ${JSON.stringify({ choices: [{ ...choice, index: 0 }], ...about, ...more })}\n\n`

const first = slots((slot) => event({ delta: { content: slot, role: "assistant" } }))
const later = slots((slot) => event({ delta: { content: slot } }))
const end = [event({ delta: { content: "" }, finish_reason: "stop" }, { usage: counted }), "data: [DONE]\n\n"]

/** GigaChat, version 1 of its API: OpenAI's frames with fewer fields, and the usage with the finish reason. */
export const gigaChat: Dialect = {
  path: "/gigachat/v1/chat/completions",
  whole: JSON.stringify({
    choices: [{ message: { content: answer, role: "assistant" }, index: 0, finish_reason: "stop" }],
    ...about,
    usage: counted
  }),
  streamType: "text/event-stream",
  piece: (index, text) => (index === 0 ? first(text) : later(text)),
  end: () => end
}
