import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { XRouterError } from "../domain/Errors.ts"
import type { Usage } from "../domain/Usage.ts"
import type { WireOptions } from "./ErrorResponse.ts"

/** What is the same in every part of one answer. */
export interface AnswerHead {
  /** Made by us: not every provider gives one, and one answer has one. */
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  /** As the client asked for it. */
  readonly model: string
}

/** One answer as one JSON text. */
export interface BodyWriter {
  readonly add: (events: ReadonlyArray<ChatEvent>) => void
  /** After the last event. The usage may be an estimate, where the provider told none. */
  readonly body: (head: AnswerHead, usage: Usage) => string
}

/** One answer as server-sent events. */
export interface FrameWriter {
  /** The frames of some events, in order; empty where they say nothing to the client. */
  readonly frames: (events: ReadonlyArray<ChatEvent>) => string
  /** After the last event of a whole answer. */
  readonly end: (usage: Usage) => string
  /** In place of the end. */
  readonly fail: (error: XRouterError, options: WireOptions) => string
}

/** How an endpoint tells what a provider answered. Chat completions, completions and responses differ in nothing else. */
export interface AnswerForm {
  /** Of the answer's id: `chatcmpl-`. */
  readonly idPrefix: string
  readonly body: () => BodyWriter
  readonly frames: (head: AnswerHead, chat: ChatRequest) => FrameWriter
  /** What was left out of the request, in the client's words: of the names that a provider gave, and by the endpoint itself. */
  readonly dropped: (byProvider: ReadonlyArray<string>) => ReadonlyArray<string>
}
