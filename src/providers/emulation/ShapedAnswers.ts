import { Effect, Result, Stream } from "effect"
import type { ChatEvent, FinishReason } from "../../domain/ChatEvent.ts"
import type { ChatRequest, Message } from "../../domain/ChatRequest.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import type { Usage } from "../../domain/Usage.ts"
import { invalidAnswer } from "../BrokenAnswers.ts"
import type { ChatCall, Prepared } from "../Provider.ts"
import { type AnswerShape, answerShape } from "./AnswerShape.ts"
import { added, type Prepare, wholeOf } from "./Whole.ts"

type Answer = Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure>

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
    return Effect.mapEager(prepare(asked), (prepared): Prepared => {
      const answer = Effect.flatMap(wholeOf(prepared), (events) =>
        settle({ provider, prepare, asked, shape: shape.success }, events)
      )
      return {
        dropped: prepared.dropped,
        events: Stream.unwrap(Effect.map(answer, (events) => Stream.fromIterable(events))),
        ...(prepared.whole === undefined ? {} : { whole: answer })
      }
    })
  }

interface Asking {
  readonly provider: string
  readonly prepare: Prepare
  readonly asked: ChatCall
  readonly shape: AnswerShape
}

/** Behind the system messages that begin the conversation: some providers take them nowhere else. */
const instructed = (messages: ChatRequest["messages"], instruction: string): ChatRequest["messages"] => {
  const first = messages.findIndex(({ role }) => role !== "system" && role !== "developer")
  const at = first === -1 ? messages.length : first
  return [...messages.slice(0, at), { role: "system", content: instruction }, ...messages.slice(at)]
}

const settle = ({ asked, prepare, provider, shape }: Asking, events: ReadonlyArray<ChatEvent>): Answer => {
  const first = heard(events)
  if (first.isExempt) return Effect.succeed(events)
  const json = shape.extract(first.text)
  if (Result.isSuccess(json)) return Effect.succeed(told(events, json.success, first.usage))
  const messages = [...asked.request.messages, ...objection(first.text, json.failure)]
  const again = prepare({ ...asked, request: { ...asked.request, messages } })
  return Effect.flatMap(Effect.flatMap(again, wholeOf), (repaired): Answer => {
    const second = heard(repaired)
    const usage = added(first.usage, second.usage)
    if (second.isExempt) return Effect.succeed(told(repaired, undefined, usage))
    const json = shape.extract(second.text)
    return Result.isSuccess(json)
      ? Effect.succeed(told(repaired, json.success, usage))
      : Effect.fail(
          invalidAnswer(
            { provider },
            `did not give the JSON that was asked for, not even when told what was wrong: ${json.failure}`
          )
        )
  })
}

const objection = (answer: string, fault: string): ReadonlyArray<Message> => [
  ...(answer === "" ? [] : [{ role: "assistant", content: answer } as const]),
  {
    role: "user",
    content: `This answer is not what was asked for: ${fault}. Give the whole answer again, as JSON and nothing else.`
  }
]

interface Heard {
  readonly text: string
  readonly usage: Usage | undefined
  /** Whatever its text is. */
  readonly isExempt: boolean
}

const exempt: ReadonlySet<FinishReason> = new Set(["length", "tool_calls", "function_call", "content_filter"])

const heard = (events: ReadonlyArray<ChatEvent>): Heard => {
  let text = ""
  let usage: Usage | undefined
  let isExempt = false
  for (const event of events) {
    if (event._tag === "TextDelta") text += event.text
    else if (event._tag === "Finished") ({ usage } = event)
    else if (event._tag === "ToolCallDelta") isExempt = true
    else if (event._tag === "ChoiceFinished" && exempt.has(event.reason)) isExempt = true
  }
  return { text, usage, isExempt }
}

/** The answer with this text, at its end, in place of its own, and this usage. */
const told = (
  events: ReadonlyArray<ChatEvent>,
  text: string | undefined,
  usage: Usage | undefined
): ReadonlyArray<ChatEvent> =>
  events.flatMap((event): ReadonlyArray<ChatEvent> => {
    if (event._tag === "Finished") return [usage === undefined ? { _tag: "Finished" } : { _tag: "Finished", usage }]
    if (text === undefined) return [event]
    if (event._tag === "TextDelta") return []
    return event._tag === "ChoiceFinished" ? [{ _tag: "TextDelta", choice: event.choice, text }, event] : [event]
  })
