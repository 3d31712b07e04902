import type { Effect, Stream } from "effect"
import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ProviderFailure } from "../domain/Errors.ts"
import type { JsonObject } from "../domain/Json.ts"
import type { TraceContext } from "../telemetry/TraceContext.ts"

/** One attempt at one provider: the request as the client made it, and the model under the provider's own name. */
export interface ChatCall {
  readonly requestId: string
  /** The provider's name for the model, `GigaChat-2-Max`. */
  readonly model: string
  readonly request: ChatRequest
  /** The model has no tools of its own: it is told of them in words (`emulation/PromptedTools.ts`). */
  readonly tools?: "prompt" | undefined
  /** Where the provider's own timers are not meant. */
  readonly timers?: CallTimers | undefined
  /** For a provider that it may be told to; the transport keeps it from the others. */
  readonly traceContext?: TraceContext | undefined
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

/** What a provider can do for a model by itself. The rest is emulated, dropped or refused. */
export interface Abilities {
  /** OpenAI's names of the parameters that it carries in its own words, `tools` and `response_format` among them. */
  readonly parameters: ReadonlySet<string>
  /** The kinds of `response_format` that it keeps to, beside `text`. */
  readonly formats: ReadonlySet<"json_object" | "json_schema">
  /** Its `json_schema` knows fewer words than a caller's: what it answers may be wider than what was asked for. */
  readonly isSchemaNarrow?: boolean | undefined
  /** A call can be required of one function by its name, and of no other. */
  readonly isCallNamed?: boolean | undefined
  /** No call can be required, nor some of the tools be allowed: it is the model that chooses. */
  readonly isCallFree?: boolean | undefined
  readonly input: ReadonlySet<"text" | "image">
}

/** Texts to be embedded, of one request. */
export interface EmbeddingCall {
  readonly requestId: string
  /** The provider's name for the model. */
  readonly model: string
  readonly input: ReadonlyArray<string>
  /** How many numbers a vector shall have, where the caller says so. */
  readonly dimensions?: number | undefined
  /** Other fields of the request, `user` among them, under their OpenAI names. */
  readonly more?: JsonObject | undefined
  readonly timers?: CallTimers | undefined
  /** For a provider that it may be told to; the transport keeps it from the others. */
  readonly traceContext?: TraceContext | undefined
}

export interface Embeddings {
  /** In the order of the input. */
  readonly vectors: ReadonlyArray<ReadonlyArray<number>>
  /** Undefined where the provider counted nothing. */
  readonly promptTokens: number | undefined
}

export interface PreparedEmbeddings {
  readonly dropped: ReadonlyArray<string>
  /** Sends it. Interrupting closes the upstream connection at once. */
  readonly embeddings: Effect.Effect<Embeddings, ProviderFailure>
}

/** A model as a provider lists it. */
export interface ProviderModel {
  readonly id: string
  readonly ownedBy: string
  /** Unix seconds; 0 where the provider tells none. */
  readonly created: number
  /** What the model is for; undefined: chat. */
  readonly purpose?: "chat" | "embedding" | undefined
  /** Most tokens of a request and its answer together, where it is known. */
  readonly contextLength?: number | undefined
  /** Most tokens of an answer, where it is known. */
  readonly outputLength?: number | undefined
  /** As people call it. */
  readonly name?: string | undefined
  /** Where this is told of the model itself, it is narrower than what its provider can carry. */
  readonly input?: ReadonlyArray<"text" | "image"> | undefined
  readonly parameters?: ReadonlyArray<string> | undefined
  /** For all to see; no call is charged by it. */
  readonly price?: ModelPrice | undefined
}

/** What a vendor publishes as its price. Decimal strings, for `per` tokens. */
export interface ModelPrice {
  readonly input: string
  readonly output: string
  readonly cachedInput?: string | undefined
  readonly currency: string
  readonly per: number
  /** The day it was read (`2026-11-23`) and where; a list that the provider tells now has neither. */
  readonly asOf?: string | undefined
  readonly source?: string | undefined
}

/**
 * A provider is a value: dialect × endpoint × credentials × framing, put together in `providers/<name>/<Name>.ts`.
 */
export interface Provider {
  readonly name: string
  /** Translates the request; fails without any network where this provider cannot serve it. */
  readonly prepare: (call: ChatCall) => Effect.Effect<Prepared, ProviderFailure>
  /** The same of texts to be embedded; a provider without it embeds nothing. */
  readonly embed?: ((call: EmbeddingCall) => Effect.Effect<PreparedEmbeddings, ProviderFailure>) | undefined
  /** By the provider's own name of the model; a provider without it passes everything on. */
  readonly abilities?: ((model: string) => Abilities) | undefined
  /** False: several choices, where each would be a call of its own, are refused. */
  readonly fansOut?: boolean | undefined
  /** Whether so many calls of it at once are made and no more: then several for one request are made one after another. */
  readonly isCounted?: (() => boolean) | undefined
  /** Models that its vendor documents: told as long as it has not listed any. */
  readonly documented?: ReadonlyArray<ProviderModel> | undefined
  /** The models that this provider serves now. */
  readonly models: Effect.Effect<ReadonlyArray<ProviderModel>, ProviderFailure>
}
