import { Effect, Stream } from "effect"
import { randomUUID } from "node:crypto"
import type { ChatEvent, FinishReason } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import type { ProviderFailure } from "../domain/Errors.ts"
import type { Usage } from "../domain/Usage.ts"
import { Catalog } from "./Catalog.ts"
import { type Reply, Router } from "./Router.ts"

/** A chat asked of the router in process, without HTTP, keys or limits. */
export type ChatQuestion = Omit<ChatRequest, "stream" | "stream_options">

export interface ToolCall {
  readonly id: string
  readonly name: string
  /** JSON text as the model wrote it, which need not be well-formed. */
  readonly arguments: string
}

export interface ChatChoice {
  readonly text: string
  /** The model's thinking, where its provider shows it. */
  readonly reasoning: string
  readonly toolCalls: ReadonlyArray<ToolCall>
  readonly finishReason: FinishReason
}

/** A whole answer; of several choices (`n`) in their order. */
export interface ChatAnswer {
  readonly choices: ReadonlyArray<ChatChoice>
  /** Undefined where the provider told none. */
  readonly usage: Usage | undefined
  /** Who served, which may be a fallback. */
  readonly provider: string
  /** By the provider's own name. */
  readonly model: string
  /** Parameters that the provider could not carry, by their OpenAI names. */
  readonly dropped: ReadonlyArray<string>
}

/** Opens the call: retries, fallbacks, circuits and timers are the router's. */
const open = Effect.fnUntraced(function* (question: ChatQuestion, isStream: boolean) {
  const catalog = yield* Catalog
  const router = yield* Router
  const resolution = yield* Effect.fromResult(
    question.models === undefined
      ? catalog.resolve(question.model)
      : catalog.resolveAll(question.model, question.models)
  )
  const request: ChatRequest = isStream ? { ...question, stream: true } : question
  const plan = yield* router.plan({ requestId: `req_${randomUUID().replaceAll("-", "")}`, request, resolution })
  return yield* plan.open
})

const pulled = ({ first, rest }: Reply): Stream.Stream<ChatEvent, ProviderFailure> =>
  rest === undefined
    ? Stream.fromIterable(first)
    : Stream.concat(Stream.fromIterable(first), Stream.fromPull(Effect.succeed(rest)))

/**
 * The answer's events as they come, beginning with the first content: until then another candidate may take over, from then on a failure is
 * the stream's. Ending the stream early closes the provider's connection at once.
 */
export const stream = (question: ChatQuestion): Stream.Stream<ChatEvent, ProviderFailure, Router | Catalog> =>
  Stream.unwrap(Effect.map(open(question, true), pulled))

/** The whole answer at once. */
export const complete = (question: ChatQuestion): Effect.Effect<ChatAnswer, ProviderFailure, Router | Catalog> =>
  Effect.scoped(
    Effect.flatMap(open(question, false), (reply) =>
      Effect.map(Stream.runCollect(pulled(reply)), (events) => ({
        ...folded(events),
        provider: reply.candidate.provider.name,
        model: reply.candidate.model,
        dropped: reply.dropped
      }))
    )
  )

interface Gathered {
  text: string
  reasoning: string
  readonly calls: Array<{ id: string; name: string; arguments: string }>
  finishReason: FinishReason
}

const folded = (events: Iterable<ChatEvent>): Pick<ChatAnswer, "choices" | "usage"> => {
  const choices: Array<Gathered> = []
  const at = (choice: number): Gathered =>
    (choices[choice] ??= { text: "", reasoning: "", calls: [], finishReason: "stop" })
  let usage: Usage | undefined
  for (const event of events) {
    switch (event._tag) {
      case "TextDelta":
        at(event.choice).text += event.text
        break
      case "ReasoningDelta":
        at(event.choice).reasoning += event.text
        break
      case "ToolCallDelta": {
        const { calls } = at(event.choice)
        const call = (calls[event.call] ??= { id: "", name: "", arguments: "" })
        call.id = event.id ?? call.id
        call.name = event.name ?? call.name
        call.arguments += event.arguments
        break
      }
      case "ChoiceFinished":
        at(event.choice).finishReason = event.reason
        break
      case "Finished":
        usage = event.usage
    }
  }
  return { choices: choices.map(({ calls, ...choice }) => ({ ...choice, toolCalls: calls })), usage }
}
