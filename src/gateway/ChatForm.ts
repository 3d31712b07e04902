import { identity } from "effect"
import type { AnswerForm } from "./AnswerForm.ts"
import { ChatChunks } from "./ChatChunks.ts"
import { ChatCompletion } from "./ChatCompletion.ts"

/** `chat.completion`, and its chunks. */
export const chatForm: AnswerForm = {
  idPrefix: "chatcmpl-",
  body: () => new ChatCompletion(),
  frames: (head, chat) => new ChatChunks(head, chat.stream_options?.include_usage === true),
  dropped: identity
}
