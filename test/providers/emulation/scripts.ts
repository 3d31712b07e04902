import { Effect, type Scope, Stream } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import type { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import type { ProviderFailure } from "../../../src/domain/Errors.ts"
import type { Usage } from "../../../src/domain/Usage.ts"
import type { Abilities, ChatCall, Prepared, Provider } from "../../../src/providers/Provider.ts"
import { type Answer, tells } from "../../support/ScriptedProvider.ts"

export const incapable: Abilities = { parameters: new Set(), formats: new Set(), input: new Set(["text"]) }

export interface Fake extends Provider {
  readonly prepared: ReadonlyArray<ChatCall>
  readonly sent: ReadonlyArray<ChatCall>
  /** Calls whose connection is open. */
  readonly open: () => number
  readonly mostOpen: () => number
}

/** A provider that answers its calls, in the order in which they are sent, by this script. */
export const fake = (answer: (call: ChatCall, index: number) => Answer, abilities = incapable): Fake => {
  const prepared: Array<ChatCall> = []
  const sent: Array<ChatCall> = []
  let open = 0
  let mostOpen = 0
  return {
    name: "fake",
    prepared,
    sent,
    open: () => open,
    mostOpen: () => mostOpen,
    abilities: () => abilities,
    models: Effect.succeed([]),
    prepare: (call) =>
      Effect.sync((): Prepared => {
        prepared.push(call)
        const connect: Effect.Effect<Answer, never, Scope.Scope> = Effect.suspend(() => {
          mostOpen = Math.max(mostOpen, ++open)
          const index = sent.push(call) - 1
          return Effect.as(
            Effect.addFinalizer(() => Effect.sync(() => open--)),
            answer(call, index)
          )
        })
        const events = Stream.unwrap(connect)
        return {
          dropped: ["seed"],
          events,
          ...(call.request.stream === true ? {} : { whole: Stream.runCollect(events) })
        }
      })
  }
}

/** A provider that answers its calls by these, one after the other, and never one more. */
export const answeringInTurn =
  (abilities?: Abilities) =>
  (...answers: ReadonlyArray<Answer>): Fake =>
    fake((_, index) => answers[index] ?? Stream.never, abilities)

export const callOf = (more: Partial<ChatRequest>): ChatCall => ({
  requestId: "req_1",
  model: "m",
  request: { model: "fake/m", messages: [{ role: "user", content: "Hi" }], ...more }
})

/** All events of an answer, in the way that the request asks for. */
export const ask = (provider: Provider, more: Partial<ChatRequest>) =>
  Effect.flatMap(
    provider.prepare(callOf(more)),
    ({ events, whole }): Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure> => whole ?? Stream.runCollect(events)
  )

export const used = (promptTokens: number, completionTokens: number): Usage => ({
  promptTokens,
  completionTokens,
  cachedTokens: 1,
  reasoningTokens: 2
})

/** By two answers, each of `used(10, 5)`. */
export const usedTwice: Usage = { promptTokens: 20, completionTokens: 10, cachedTokens: 2, reasoningTokens: 4 }

export const started: ChatEvent = { _tag: "Started" }
export const text = (text: string, choice = 0): ChatEvent => ({ _tag: "TextDelta", choice, text })
export const thought = (text: string): ChatEvent => ({ _tag: "ReasoningDelta", choice: 0, text })
export const toolCall = (args: string, name = "f"): ChatEvent => ({
  _tag: "ToolCallDelta",
  choice: 0,
  call: 0,
  id: "call_1",
  name,
  arguments: args
})
export const ended = (reason: "stop" | "length" | "tool_calls" | "content_filter" = "stop", choice = 0): ChatEvent => ({
  _tag: "ChoiceFinished",
  choice,
  reason
})
export const finished = (usage?: Usage): ChatEvent =>
  usage === undefined ? { _tag: "Finished" } : { _tag: "Finished", usage }

/** A whole answer of one piece of text, or of several. */
export const answers = (...pieces: ReadonlyArray<string>): Answer =>
  tells(started, ...pieces.map((piece) => text(piece)), ended(), finished(used(10, 5)))

export const textOf = (events: ReadonlyArray<ChatEvent>, choice = 0): string =>
  events.map((event) => (event._tag === "TextDelta" && event.choice === choice ? event.text : "")).join("")
