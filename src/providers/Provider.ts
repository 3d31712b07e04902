import type { Effect, Stream } from "effect"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ProviderFailure } from "../domain/Errors.ts"

/** One attempt at one provider: the request as the client made it, and the model under the provider's own name. */
export interface ChatCall {
  readonly requestId: string
  /** The provider's name for the model, `GigaChat-2-Max`. */
  readonly model: string
  readonly request: ChatRequest
  /** Where the provider's own timers are not meant. */
  readonly timers?: CallTimers | undefined
}

/** Milliseconds; undefined: the provider's own. */
export interface CallTimers {
  /** To a connection. */
  readonly connect?: number | undefined
  /** Longest silence between two pieces of the answer. */
  readonly idle?: number | undefined
}

/** What can be told of a call before it is sent. */
export interface Prepared {
  /** Parameters that this provider cannot carry and that do no harm when left out, by their OpenAI names. */
  readonly dropped: ReadonlyArray<string>
  /**
   * Sends the request when it is pulled, and answers its events. Interrupting it closes the upstream connection at once.
   */
  readonly events: Stream.Stream<ChatEvent, ProviderFailure>
  /** The same events at once, where the request is not streamed: spares a whole answer the machinery of a stream. */
  readonly whole?: Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure> | undefined
}

/** A model as a provider lists it. */
export interface ProviderModel {
  readonly id: string
  readonly ownedBy: string
  /** Unix seconds; 0 where the provider tells none. */
  readonly created: number
}

/**
 * A provider is a value: dialect × endpoint × credentials × framing, put together in `providers/<name>/<Name>.ts`.
 */
export interface Provider {
  readonly name: string
  /** Translates the request; fails without any network where this provider cannot serve it. */
  readonly prepare: (call: ChatCall) => Effect.Effect<Prepared, ProviderFailure>
  /** The models that this provider serves now. */
  readonly models: Effect.Effect<ReadonlyArray<ProviderModel>, ProviderFailure>
}
