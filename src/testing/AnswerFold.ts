import { Effect } from "effect"
import type { ChatEvent, FinishReason } from "../domain/ChatEvent.ts"
import type { Usage } from "../domain/Usage.ts"
import { ContractViolation } from "./ContractViolation.ts"

/** One choice of an answer, put together. */
export interface FoldedChoice {
  readonly text: string
  readonly reasoning: string
  /** `arguments` as the provider wrote them. */
  readonly calls: ReadonlyArray<{ readonly name: string; readonly arguments: string }>
  readonly reason: FinishReason
}

export interface FoldedAnswer {
  /** In the order of their numbers. */
  readonly choices: ReadonlyArray<FoldedChoice>
  readonly usage: Usage | undefined
}

interface Choice {
  text: string
  reasoning: string
  readonly calls: Map<number, { readonly name: string; arguments: string }>
  reason: FinishReason | undefined
}

/**
 * Puts an answer together from its events, and fails where they are not in the order that `ChatEvent` promises: `Started` once and first,
 * the parts of a choice before its one `ChoiceFinished`, and one `Finished` at the very end.
 */
export const fold = (events: ReadonlyArray<ChatEvent>): Effect.Effect<FoldedAnswer, ContractViolation> =>
  Effect.suspend(() => {
    const violation = orderViolation(events)
    if (violation !== undefined) return Effect.fail(violation)
    const choices = new Map<number, Choice>()
    for (const event of events) {
      if (!("choice" in event)) continue
      const choice = choices.get(event.choice) ?? emptyChoice()
      choices.set(event.choice, choice)
      if (choice.reason !== undefined)
        return broken(`${event._tag} of choice ${event.choice} comes after its ChoiceFinished`)
      const fault = add(choice, event)
      if (fault !== undefined) return broken(fault)
    }
    if (choices.size === 0) return broken("There is no choice in the answer")
    const folded: Array<FoldedChoice> = []
    for (const [index, { calls, reason, reasoning, text }] of [...choices].sort(([a], [b]) => a - b)) {
      if (reason === undefined) return broken(`Choice ${index} has no ChoiceFinished`)
      if (index !== folded.length) return broken(`There is a choice ${index}, and no choice ${folded.length}`)
      folded.push({ text, reasoning, reason, calls: [...calls].sort(([a], [b]) => a - b).map(([, call]) => call) })
    }
    const last = events.at(-1)
    return Effect.succeed({ choices: folded, usage: last?._tag === "Finished" ? last.usage : undefined })
  })

const emptyChoice = (): Choice => ({ text: "", reasoning: "", calls: new Map(), reason: undefined })

const orderViolation = (events: ReadonlyArray<ChatEvent>): ContractViolation | undefined => {
  const starts = events.filter(({ _tag }) => _tag === "Started").length
  const ends = events.filter(({ _tag }) => _tag === "Finished").length
  if (starts > 1) return violation(`There are ${starts} Started in one answer`)
  if (starts === 1 && events[0]?._tag !== "Started") return violation(`Started comes after ${events[0]?._tag}`)
  if (ends !== 1) return violation(`There are ${ends} Finished in an answer that has ended: it must be one`)
  return events.at(-1)?._tag === "Finished" ? undefined : violation(`${events.at(-1)?._tag} comes after Finished`)
}

/** What is wrong with the event, where something is. */
const add = (choice: Choice, event: Extract<ChatEvent, { readonly choice: number }>): string | undefined => {
  switch (event._tag) {
    case "TextDelta":
      choice.text += event.text
      return undefined
    case "ReasoningDelta":
      choice.reasoning += event.text
      return undefined
    case "ToolCallDelta": {
      const call = choice.calls.get(event.call)
      if (call !== undefined) {
        call.arguments += event.arguments
        return event.name === undefined && event.id === undefined
          ? undefined
          : `Call ${event.call} is named a second time: id and name belong to its first delta`
      }
      if (!event.id || !event.name) return `The first delta of call ${event.call} lacks its id or its name`
      choice.calls.set(event.call, { name: event.name, arguments: event.arguments })
      return undefined
    }
    case "ChoiceFinished":
      choice.reason = event.reason
      return undefined
    case "ChoiceExtra":
      return undefined
  }
}

const violation = (message: string) => new ContractViolation({ message })

const broken = (message: string) => Effect.fail(violation(message))
