import { Effect, Result } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ChatCall } from "../Provider.ts"
import { type AnswerShape, answerShape } from "./AnswerShape.ts"
import { heard } from "./Heard.ts"
import { instructed } from "./Instructed.ts"
import { type Judge, mendedWhole } from "./Mending.ts"
import type { Prepare } from "./Whole.ts"

/**
 * Keeps to `response_format` for a provider that cannot: the model is told of the form, its answer is read to the end and
 * checked, and one that does not fit goes back once with what is wrong with it. What goes out is the bare JSON, in one piece. An
 * answer that calls tools, was cut at its length or withheld by a filter goes out as it is, as OpenAI's would.
 */
export const shaped =
  (provider: string, prepare: Prepare): Prepare =>
  (call) => {
    const { response_format: format, ...request } = call.request
    if (format === undefined) return prepare(call)
    const shape = answerShape(provider, format)
    if (Result.isFailure(shape)) return Effect.fail(shape.failure)
    const { instruction } = shape.success
    const asked: ChatCall = { ...call, request: { ...request, messages: instructed(request.messages, instruction) } }
    const judge = judgeOf(shape.success)
    return Effect.mapEager(prepare(asked), (prepared) => mendedWhole({ provider, prepare, asked, judge }, prepared))
  }

/** Lets the bare JSON of an answer through. */
export const judgeOf =
  (shape: AnswerShape): Judge =>
  (events) => {
    const { isExempt, text } = heard(events)
    if (isExempt) return Result.succeed(events)
    return Result.mapBoth(shape.extract(text), {
      onSuccess: (json) => told(events, json),
      onFailure: (fault) => ({
        did: `did not give the JSON that was asked for, not even when told what was wrong: ${fault}`,
        text,
        objection: `This answer is not what was asked for: ${fault}. Give the whole answer again, as JSON and nothing else.`
      })
    })
  }

/** The answer with this text, at its end, in place of its own. */
const told = (events: ReadonlyArray<ChatEvent>, text: string): ReadonlyArray<ChatEvent> =>
  events.flatMap((event): ReadonlyArray<ChatEvent> => {
    if (event._tag === "TextDelta") return []
    return event._tag === "ChoiceFinished" ? [{ _tag: "TextDelta", choice: event.choice, text }, event] : [event]
  })
