import type { Result } from "effect"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ProviderFailure, ValidationError } from "../domain/Errors.ts"
import type { JsonObject } from "../domain/Json.ts"
import type { ImageType } from "./Image.ts"
import type { ChatCall } from "./Provider.ts"

/** A request in the provider's words. */
export interface Lowered {
  readonly body: JsonObject
  /** OpenAI names of the parameters that were left out. */
  readonly dropped: ReadonlyArray<string>
  /** Headers that belong to this request alone, such as a session id. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** What has to be there before the request is sent. */
  readonly uploads?: Uploads | undefined
}

/** Images that the upstream takes apart from the request, which then points to them. */
export interface Uploads {
  readonly images: ReadonlyArray<WantedImage>
  /** The body with the ids that the upstream gave them, in their order. */
  readonly body: (ids: ReadonlyArray<string>) => JsonObject
}

/** An image of the request, checked as far as it can be without a network. */
export type WantedImage =
  | { readonly _tag: "Data"; readonly param: string; readonly type: ImageType; readonly base64: string }
  | { readonly _tag: "Address"; readonly param: string; readonly url: URL }

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
  /**
   * True where a frame that tells a text and nothing else leaves `state` as it was, and a frame that differs from it in the text
   * alone tells that text: then frames of a kind need not be read one by one (`TextTemplate.ts`). False where it is not said.
   */
  readonly isEachTextItsOwn?: (state: State) => boolean
  /** The upstream closed the stream: what is still owed, or that it was cut off. */
  readonly halt: (state: State) => Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>
  /** Why the upstream refused. */
  readonly refuse: (call: ChatCall, refusal: Refusal) => ProviderFailure
}
