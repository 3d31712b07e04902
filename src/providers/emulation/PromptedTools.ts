import { Effect, Result, Stream } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { newCallId } from "../CallId.ts"
import { readJson } from "../JsonText.ts"
import type { Carrier } from "../Parameters.ts"
import type { ChatCall, Prepared } from "../Provider.ts"
import { type ToolOffer, toolOffer } from "../ToolOffer.ts"
import { type CallAnswer, readCallText } from "./CallText.ts"
import { CallHolder } from "./CallHolder.ts"
import { heard } from "./Heard.ts"
import { instructed } from "./Instructed.ts"
import { type Judge, mended, mendedWhole, type Mending } from "./Mending.ts"
import { schemaFault } from "./SchemaCheck.ts"
import { conversationInWords, toolWords } from "./ToolWords.ts"
import type { Prepare } from "./Whole.ts"

/** What a model has of tools that is told of them in words. */
export const promptedParameters = ["tools", "tool_choice", "parallel_tool_calls", "functions", "function_call"]

/**
 * Tools for a model that has none: it is told of them in words, and an answer that is nothing but a call in the form that it was
 * told becomes one. A call of what was not offered, or with arguments that its schema does not allow, goes back once, and so do
 * words where a call was required. Of a stream no more is held back than may be a call.
 */
export const promptedTools =
  (provider: string, prepare: Prepare): Prepare =>
  (call) => {
    const carrier: Carrier = { provider, who: `${provider}/${call.model}`, carried: new Set(promptedParameters) }
    const { parallel_tool_calls: parallel, tool_choice: _, tools: __, ...request } = call.request
    const offer = toolOffer(carrier, call.request)
    if (Result.isFailure(offer)) return Effect.fail(offer.failure)
    const conversation = conversationInWords(carrier, request.messages)
    if (Result.isFailure(conversation)) return Effect.fail(conversation.failure)
    const isParallel = parallel !== false
    const words = toolWords(offer.success, isParallel)
    if (words === undefined) {
      return prepare({ ...call, request: { ...request, messages: conversation.success } })
    }
    const asked: ChatCall = { ...call, request: { ...request, messages: instructed(conversation.success, words) } }
    const mending: Mending = { provider, prepare, asked, judge: judgeOf(offer.success, isParallel) }
    return Effect.mapEager(prepare(asked), (prepared): Prepared => {
      const whole = mendedWhole(mending, prepared)
      return prepared.whole !== undefined || offer.success.isRequired
        ? whole
        : { ...prepared, events: heldStream(mending, prepared.events) }
    })
  }

/** Goes on as soon as it cannot be a call, and is judged at its end where it may be one. */
const heldStream = (
  mending: Mending,
  events: Stream.Stream<ChatEvent, ProviderFailure>
): Stream.Stream<ChatEvent, ProviderFailure> =>
  Stream.suspend(() => {
    const holder = new CallHolder()
    const rest = Effect.suspend(() => (holder.held.length === 0 ? Effect.succeed([]) : mended(mending, holder.held)))
    return Stream.concat(
      Stream.flattenIterable(Stream.map(events, (event) => holder.read(event))),
      // A second answer begins again.
      Stream.filter(Stream.fromIterableEffect(rest), ({ _tag }) => _tag !== "Started")
    )
  })

// Judgement

const judgeOf =
  (offer: ToolOffer, isParallel: boolean): Judge =>
  (events) => {
    const { isExempt, text } = heard(events)
    if (isExempt) return Result.succeed(events)
    const answer = readCallText(text)
    if (answer === undefined) {
      return offer.isRequired
        ? Result.fail({
            did: "answered in words where a call was required, not even when told that it has to call",
            text,
            objection: "This answer is no call. Answer with the JSON object of a call and nothing else."
          })
        : Result.succeed(events)
    }
    const fault = "fault" in answer ? answer.fault : faultOf(answer, offer, isParallel)
    return fault === undefined && "calls" in answer
      ? Result.succeed(told(events, answer))
      : Result.fail({
          did: `did not make a valid call, not even when told what was wrong: ${fault}`,
          text,
          objection: `This is no valid call: ${fault}. Give the whole answer again.`
        })
  }

const faultOf = ({ calls }: CallAnswer, { forced, functions }: ToolOffer, isParallel: boolean): string | undefined => {
  if (!isParallel && calls.length > 1) return "it calls more than one function, and only one call is allowed"
  for (const [index, { arguments: given, name }] of calls.entries()) {
    const called = functions.find(({ definition }) => definition.name === name)?.definition
    if (called === undefined || (forced !== undefined && name !== forced)) {
      return `tool_calls[${index}] calls a function that cannot be called`
    }
    // As they are written: what keeps its digits is no number to be compared.
    const value = readJson(JSON.stringify(given)) ?? {}
    const fault = called.parameters ? schemaFault(called.parameters, value) : undefined
    if (fault !== undefined) return `the arguments of tool_calls[${index}] are wrong, ${fault}`
  }
  return undefined
}

/** The calls in place of the text that they were written as. */
const told = (events: ReadonlyArray<ChatEvent>, { calls, content }: CallAnswer): ReadonlyArray<ChatEvent> =>
  events.flatMap((event): ReadonlyArray<ChatEvent> => {
    if (event._tag === "TextDelta") return []
    if (event._tag !== "ChoiceFinished") return [event]
    const { choice } = event
    return [
      ...(content === "" ? [] : [{ _tag: "TextDelta", choice, text: content } as const]),
      ...calls.flatMap(({ arguments: given, name }, call): ReadonlyArray<ChatEvent> => [
        { _tag: "ToolCallDelta", choice, call, id: newCallId(), name, arguments: "" },
        { _tag: "ToolCallDelta", choice, call, arguments: JSON.stringify(given) }
      ]),
      { ...event, reason: "tool_calls" }
    ]
  })
