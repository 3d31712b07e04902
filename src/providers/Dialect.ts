import type { Result } from "effect"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ProviderFailure, ValidationError } from "../domain/Errors.ts"
import type { JsonObject } from "../domain/Json.ts"
import type { ChatCall } from "./Provider.ts"

/** A request in the provider's words. */
export interface Lowered {
  readonly body: JsonObject
  /** OpenAI names of the parameters that were left out. */
  readonly dropped: ReadonlyArray<string>
  /** Headers that belong to this request alone, such as a session id. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** An upstream's refusal: a status that is not 200, or a 200 that holds something else than an answer. */
export interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: string
}

/**
 * A provider's language, pure: it knows neither network nor clock, and its tests need none. `State` holds what must be
 * remembered from one frame of a stream to the next. The functions stand in the order in which a call meets them.
 */
export interface Dialect<State> {
  /** The request in the provider's words, or why it cannot be said in them. */
  readonly lower: (call: ChatCall) => Result.Result<Lowered, ValidationError>
  /** A whole answer (not streamed), read. */
  readonly read: (call: ChatCall, body: string) => Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>
  /** Before the first frame of a stream. */
  readonly start: (call: ChatCall) => State
  /** One frame: the data of an SSE event, or a line of NDJSON. May change `state`, which nobody else holds. */
  readonly step: (state: State, frame: string) => Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>
  /** The upstream closed the stream: what is still owed, or that it was cut off. */
  readonly halt: (state: State) => Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>
  /** Why the upstream refused. */
  readonly refuse: (call: ChatCall, refusal: Refusal) => ProviderFailure
}
