import { Array as Arr, Effect, type Pull, Result, Stream } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { unfitAnswer } from "../UnfitAnswer.ts"
import { type AnswerShape, answerShape } from "./AnswerShape.ts"
import { isExempting } from "./Heard.ts"
import { mendedWhole } from "./Mending.ts"
import { judgeOf } from "./ShapedAnswers.ts"
import type { Prepare } from "./Whole.ts"

/**
 * Holds the answers of a provider that keeps to a `response_format` of its own making, wider than the caller's, against the one
 * that was asked for. A whole answer that does not fit goes back once. What is streamed goes out as it comes, so it cannot be taken
 * back: where it does not fit, the stream fails in place of its end.
 */
export const checked =
  (provider: string, prepare: Prepare): Prepare =>
  (call) => {
    const { response_format: format } = call.request
    if (format === undefined) return prepare(call)
    const shape = answerShape(provider, format)
    if (Result.isFailure(shape)) return Effect.fail(shape.failure)
    const mending = { provider, prepare, asked: call, judge: judgeOf(shape.success) }
    return Effect.mapEager(prepare(call), (prepared) =>
      prepared.whole === undefined
        ? { ...prepared, events: checkedStream(provider, shape.success, prepared.events) }
        : mendedWhole(mending, prepared)
    )
  }

const checkedStream = (
  provider: string,
  { extract }: AnswerShape,
  events: Stream.Stream<ChatEvent, ProviderFailure>
): Stream.Stream<ChatEvent, ProviderFailure> =>
  Stream.transformPull(events, (pull) =>
    Effect.sync(() => {
      let text = ""
      let isExempt = false
      /** What is wrong with the answer, once it has ended. */
      const faultIn = (events: ReadonlyArray<ChatEvent>): string | undefined => {
        for (const event of events) {
          if (event._tag === "TextDelta") text += event.text
          isExempt ||= isExempting(event)
          if (event._tag !== "ChoiceFinished" || isExempt) continue
          const json = extract(text)
          if (Result.isFailure(json)) return json.failure
          if (json.success !== text.trim()) return "there is more in it than JSON"
        }
        return undefined
      }
      const read = (
        events: Arr.NonEmptyReadonlyArray<ChatEvent>
      ): Pull.Pull<Arr.NonEmptyReadonlyArray<ChatEvent>, ProviderFailure> => {
        const fault = faultIn(events)
        return fault === undefined
          ? Effect.succeed(events)
          : Effect.fail(unfitAnswer(provider, `did not give the JSON that was asked for: ${fault}`))
      }
      return Effect.flatMap(pull, read)
    })
  )
