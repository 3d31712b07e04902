import { Effect, Result, Stream } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { Message } from "../../domain/ChatRequest.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import type { Usage } from "../../domain/Usage.ts"
import type { ChatCall, Prepared } from "../Provider.ts"
import { unfitAnswer } from "../UnfitAnswer.ts"
import { added, type Prepare, wholeOf } from "./Whole.ts"

export type Answer = Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure>

/** Why an answer cannot go out. */
export interface Fault {
  /** What the provider did, for the caller: "did not call …". Without the answer's text. */
  readonly did: string
  /** The answer itself, as the model said it. */
  readonly text: string
  /** What the model is told of it. */
  readonly objection: string
}

/** What goes out in an answer's place, or why none can. */
export type Judge = (answer: ReadonlyArray<ChatEvent>) => Result.Result<ReadonlyArray<ChatEvent>, Fault>

export interface Mending {
  readonly provider: string
  readonly prepare: Prepare
  /** What was asked, and is asked again with the objection behind it. */
  readonly asked: ChatCall
  readonly judge: Judge
}

/** An answer that goes back once where it is at fault. Both are paid for, and told as one usage. */
export const mended = ({ asked, judge, prepare, provider }: Mending, answer: ReadonlyArray<ChatEvent>): Answer => {
  const first = judge(answer)
  if (Result.isSuccess(first)) return Effect.succeed(first.success)
  const messages = [...asked.request.messages, ...objectionOf(first.failure)]
  const again = prepare({ ...asked, request: { ...asked.request, messages } })
  return Effect.flatMap(Effect.flatMap(again, wholeOf), (answerAgain): Answer => {
    const second = judge(answerAgain)
    const usage = added(usageOf(answer), usageOf(answerAgain))
    return Result.isSuccess(second)
      ? Effect.succeed(withUsage(second.success, usage))
      : Effect.fail(unfitAnswer(provider, second.failure.did, usage))
  })
}

/** The same, of an answer that is read to its end before any of it goes out. */
export const mendedWhole = (mending: Mending, prepared: Prepared): Prepared => {
  const answer = Effect.flatMap(wholeOf(prepared), (events) => mended(mending, events))
  return {
    dropped: prepared.dropped,
    events: Stream.fromIterableEffect(answer),
    ...(prepared.whole === undefined ? {} : { whole: answer })
  }
}

const objectionOf = ({ objection, text }: Fault): ReadonlyArray<Message> => [
  ...(text === "" ? [] : [{ role: "assistant", content: text } as const]),
  { role: "user", content: objection }
]

const usageOf = (events: ReadonlyArray<ChatEvent>): Usage | undefined => {
  const last = events.findLast((event) => event._tag === "Finished")
  return last?._tag === "Finished" ? last.usage : undefined
}

const withUsage = (events: ReadonlyArray<ChatEvent>, usage: Usage | undefined): ReadonlyArray<ChatEvent> =>
  events.map((event) => {
    if (event._tag !== "Finished") return event
    return usage === undefined ? { _tag: "Finished" } : { _tag: "Finished", usage }
  })
