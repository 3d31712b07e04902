import type { ChatEvent, FinishReason } from "../../domain/ChatEvent.ts"

/** A whole answer, as far as it is judged by. */
export interface Heard {
  readonly text: string
  /** It calls, was cut at its length or withheld by a filter: it goes out whatever its text is, as OpenAI's would. */
  readonly isExempt: boolean
}

const exempt: ReadonlySet<FinishReason> = new Set(["length", "tool_calls", "function_call", "content_filter"])

export const isExempting = (event: ChatEvent): boolean =>
  event._tag === "ToolCallDelta" || (event._tag === "ChoiceFinished" && exempt.has(event.reason))

export const heard = (events: ReadonlyArray<ChatEvent>): Heard => ({
  text: events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join(""),
  isExempt: events.some(isExempting)
})
