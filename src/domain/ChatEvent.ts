import type { JsonObject } from "./Json.ts"
import type { Usage } from "./Usage.ts"

/**
 * What a provider answers, one step at a time. A stream of these is `Started`, any number of deltas, one
 * `ChoiceFinished` a choice and exactly one `Finished` at the end; anything that stops earlier is a failure of the stream.
 * `extra` carries what the upstream said in OpenAI's words and we do not act on (`logprobs`, `annotations`, …).
 */
export type ChatEvent = Started | TextDelta | ReasoningDelta | ToolCallDelta | ChoiceExtra | ChoiceFinished | Finished

export interface Started {
  readonly _tag: "Started"
  /** The model's name as the upstream gives it (`GigaChat:2.0.28.2`), for the log, never for the client. */
  readonly upstreamModel?: string | undefined
  /** Top-level fields to pass on, such as `system_fingerprint` and `service_tier`. */
  readonly extra?: JsonObject | undefined
}

export interface TextDelta {
  readonly _tag: "TextDelta"
  readonly choice: number
  readonly text: string
  /** Fields of the choice beside its delta, such as `logprobs`. */
  readonly extra?: JsonObject | undefined
}

/** The model's thinking, where the provider shows it; goes out as `reasoning_content`. */
export interface ReasoningDelta {
  readonly _tag: "ReasoningDelta"
  readonly choice: number
  readonly text: string
}

/**
 * `id` and `name` come once, with the first delta of a call; `arguments` are pieces of JSON text, or of whatever text a custom
 * tool takes. All calls of a choice are counted together, from 0.
 */
export interface ToolCallDelta {
  readonly _tag: "ToolCallDelta"
  readonly choice: number
  readonly call: number
  /** A call of a custom tool (`type: "custom"`), said with each of its deltas; else a function's. */
  readonly isCustom?: boolean | undefined
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly arguments: string
}

/** Fields of the message that we do not act on (`refusal`, `audio`, `annotations`): strings and lists are pieces to be joined. */
export interface ChoiceExtra {
  readonly _tag: "ChoiceExtra"
  readonly choice: number
  readonly delta: JsonObject
}

export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "function_call"

export interface ChoiceFinished {
  readonly _tag: "ChoiceFinished"
  readonly choice: number
  readonly reason: FinishReason
}

/** The end of a whole answer. Without `usage` the provider told none, and it is estimated. */
export interface Finished {
  readonly _tag: "Finished"
  readonly usage?: Usage | undefined
}

/** True of what a client can see: from the first such event on, no other candidate can take over. */
export const isContent = (event: ChatEvent): boolean => event._tag !== "Started"
