import { Context, Effect } from "effect"
import type { ChatRequest } from "../domain/ChatRequest.ts"

/**
 * What a caller may set beside prompt, tools and the answer's form, under OpenAI's names: `temperature`, `max_tokens`, `stop`,
 * `seed`, …; and, for the router, `models` (taken in order where the first cannot serve) and `provider` (wishes, as OpenRouter
 * spells them). A parameter that the provider cannot carry and that does no harm is left out, and told in the answer's metadata.
 */
export type ChatParameters = Omit<
  Partial<ChatRequest>,
  // These are said by the model's layer, and through Effect's own options.
  | "model"
  | "messages"
  | "stream"
  | "stream_options"
  | "tools"
  | "tool_choice"
  | "functions"
  | "function_call"
  | "response_format"
  // An answer of Effect's has one choice, and no place for the likelihood of its tokens.
  | "n"
  | "logprobs"
  | "top_logprobs"
>

/** What holds over the model's own parameters for the calls of one effect; nothing unless given. */
export const ParameterOverrides = Context.Reference<ChatParameters>("xrouter/ai/ParameterOverrides", {
  defaultValue: () => none
})

const none: ChatParameters = {}

/**
 * Runs an effect whose calls have these parameters over those of the model's layer: `withParameters({ temperature: 0 })`. Of two, one within
 * the other, the inner one's count, one by one. A stream has them by `Stream.provideService(ParameterOverrides, …)`.
 */
export const withParameters =
  (parameters: ChatParameters) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(ParameterOverrides, (outer) =>
      Effect.provideService(effect, ParameterOverrides, { ...outer, ...parameters })
    )
