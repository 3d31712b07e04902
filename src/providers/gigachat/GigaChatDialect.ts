import { Result } from "effect"
import type { ChatEvent, FinishReason } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { tokenCount, type Usage } from "../../domain/Usage.ts"
import { failedAnswer, invalidAnswer } from "../BrokenAnswers.ts"
import type { Dialect, Lowered, Refusal } from "../Dialect.ts"
import type { Carrier } from "../Parameters.ts"
import { isNothing } from "../JsonText.ts"
import type { ChatCall } from "../Provider.ts"
import { refusalFailure } from "../Refusals.ts"
import { argumentsText, callId } from "./GigaChatCalls.ts"
import { lowerFunctions, namesOf, offerOf } from "./GigaChatFunctions.ts"
import { type AddressCheck, imageReader } from "./GigaChatImages.ts"
import { lowerMessages } from "./GigaChatMessages.ts"
import { carried, lowerParameters } from "./GigaChatParameters.ts"
import { decodeAnswer, type GigaChatAnswer, type GigaChatSaid, type GigaChatUsage, wordsOf } from "./GigaChatWire.ts"

/** What of an answer has been told so far. */
export interface GigaChatState {
  readonly call: ChatCall
  /** How many functions it has called. */
  calls: number
  isStarted: boolean
  isFinished: boolean
  usage: Usage | undefined
}

type Told = Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>

/**
 * GigaChat's `POST /chat/completions`, v1, for conversations of text, images and functions. Images at addresses are refused where
 * nobody checks those.
 */
export const make = (provider: string, checkAddress?: AddressCheck): Dialect<GigaChatState> => {
  const teller = { provider }
  const carrier: Carrier = { provider, who: "GigaChat models", carried }

  // Request

  // On the way of each request: a generator costs as much as all that is done here.
  const lower: Dialect<GigaChatState>["lower"] = ({ model, request, requestId }) =>
    Result.flatMap(lowerParameters(carrier, request), ({ body, dropped }) => {
      const names = namesOf(request)
      const lowered = Result.flatMap(offerOf(carrier, request), (offer) => lowerFunctions(carrier, offer, names))
      return Result.flatMap(lowered, (functions) => {
        const read = imageReader(carrier, model, checkAddress)
        return Result.map(
          lowerMessages(carrier, request.messages, names, read),
          ({ attached, images, messages }): Lowered => {
            const rest = { ...functions, ...body }
            return {
              body: { model, messages, ...rest },
              dropped,
              headers: { "X-Request-ID": requestId },
              uploads: images && { images, body: (ids) => ({ model, messages: attached(ids), ...rest }) }
            }
          }
        )
      })
    })

  // Answer

  const start = (call: ChatCall): GigaChatState => ({
    call,
    calls: 0,
    isStarted: false,
    isFinished: false,
    usage: undefined
  })

  const read = (state: GigaChatState, body: string): Told =>
    Result.flatMap(parse(body), ({ choices, model, usage }) => {
      const choice = choices?.[0]
      if (!choice?.message) return Result.fail(invalidAnswer(teller, "sent an answer without a message"))
      return Result.map(last(state, body, choice.message, choice.finish_reason), (said) => [
        { _tag: "Started", upstreamModel: model ?? undefined },
        ...said,
        { _tag: "Finished", usage: usageOf(usage) }
      ])
    })

  /** A refusal may stand inside a 200: the status line has gone out when a stream fails. */
  const parse = (text: string): Result.Result<GigaChatAnswer, ProviderFailure> => {
    const answer = decodeAnswer(text)
    // JSON is not quoted: it may hold what the model said.
    if (Result.isFailure(answer))
      return Result.fail(invalidAnswer(teller, "sent an answer that cannot be read", text.startsWith("{") ? "" : text))
    const words = wordsOf(answer.success)
    return words === undefined ? Result.succeed(answer.success) : Result.fail(refused(words.status, words.message))
  }

  const deltas = (state: GigaChatState, text: string, said: GigaChatSaid | null | undefined): Told => {
    // Progress of a built-in function is no part of the answer.
    if (!said || said.role === "function_in_progress") return Result.succeed([])
    const events: Array<ChatEvent> = []
    if (said.reasoning_content) events.push({ _tag: "ReasoningDelta", choice: 0, text: said.reasoning_content })
    if (said.content) events.push({ _tag: "TextDelta", choice: 0, text: said.content })
    if (!said.function_call) return Result.succeed(events)
    const own = `call_${state.call.requestId}_0_${state.calls}`
    // A second call is not documented; should one come, it is told apart.
    const id = state.calls === 0 ? callId(said.functions_state_id, own) : own
    return Result.map(called(state, text, said.function_call, id), (call) => [...events, ...call])
  }

  /** The caller knows only the functions that it offered, by its own names for them. */
  const called = (
    state: GigaChatState,
    text: string,
    { arguments: told, name: called }: NonNullable<GigaChatSaid["function_call"]>,
    id: string
  ): Told => {
    const { request } = state.call
    const offer = Result.getOrUndefined(offerOf(carrier, request))
    const name = namesOf(request).fromGigaChat(called)
    if (name === undefined || offer?.functions.some(({ definition }) => definition.name === name) !== true) {
      return Result.fail(calledUnasked())
    }
    const call = state.calls++
    const args = argumentsText(text, told)
    return Result.succeed(
      offer.isOld
        ? [{ _tag: "ChoiceExtra", choice: 0, delta: { function_call: { name, arguments: args } } }]
        : [
            { _tag: "ToolCallDelta", choice: 0, call, id, name, arguments: "" },
            { _tag: "ToolCallDelta", choice: 0, call, arguments: args }
          ]
    )
  }

  /** The end of an answer, and what is said with it. */
  const last = (
    state: GigaChatState,
    text: string,
    said: GigaChatSaid | null | undefined,
    reason: string | null | undefined
  ): Told =>
    Result.flatMap(deltas(state, text, said), (events) =>
      Result.map(finish(state, reason), (finished) => [...events, finished])
    )

  const finish = (
    { call, calls }: GigaChatState,
    reason: string | null | undefined
  ): Result.Result<ChatEvent, ProviderFailure> => {
    if (!reason) return Result.fail(cutOff())
    if (reason === "error") return Result.fail(failedAnswer(teller, "ended its answer with an error"))
    if (reason === "function_call" && calls === 0) return Result.fail(calledUnasked())
    const told = finishReasons[reason] ?? "stop"
    return Result.succeed({
      _tag: "ChoiceFinished",
      choice: 0,
      reason: told === "stop" && calls > 0 ? (isNothing(call.request.functions) ? "tool_calls" : "function_call") : told
    })
  }

  // Stream

  const step = (state: GigaChatState, frame: string): Told => {
    if (frame === "[DONE]") return halt(state)
    if (frame === "") return Result.succeed([])
    return Result.flatMap(parse(frame), ({ choices, model, usage }) => {
      const opening: ReadonlyArray<ChatEvent> = state.isStarted
        ? []
        : [{ _tag: "Started", upstreamModel: model ?? undefined }]
      state.isStarted = true
      state.usage = usageOf(usage) ?? state.usage
      const choice = choices?.[0]
      if (choice === undefined || state.isFinished) return Result.succeed(opening)
      const { delta, finish_reason: reason } = choice
      if (reason) state.isFinished = true
      const told = reason ? last(state, frame, delta, reason) : deltas(state, frame, delta)
      return Result.map(told, (said) => [...opening, ...said])
    })
  }

  const halt = (state: GigaChatState): Told =>
    state.isFinished ? Result.succeed([{ _tag: "Finished", usage: state.usage }]) : Result.fail(cutOff())

  // Refusal

  const refuse = ({ body, headers, status }: Refusal): ProviderFailure => {
    const words = Result.match(decodeAnswer(body), { onFailure: () => undefined, onSuccess: wordsOf })
    if (status !== 200) return refused(status, words?.message ?? body, headers)
    return words === undefined
      ? invalidAnswer(teller, "did not answer with an event stream", body.startsWith("{") ? "" : body)
      : refused(words.status, words.message, headers)
  }

  const refused = (status: number | undefined, message: string, headers?: Refusal["headers"]): ProviderFailure =>
    refusalFailure({
      provider,
      status,
      message,
      headers,
      // "Payload too large" is said of tokens as well as of bytes.
      code: status === 413 ? "context_length_exceeded" : undefined
    })

  const cutOff = () => failedAnswer(teller, "cut off its answer before the end")

  const calledUnasked = () => invalidAnswer(teller, "called a function that was not offered")

  return {
    lower,
    read: (call, body) => read(start(call), body),
    start,
    step,
    isEachTextItsOwn: () => true,
    halt,
    refuse: (_call, refusal) => refuse(refusal)
  }
}

/** `blacklist` is the censor's: a canned refusal is the content, and stays it. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  blacklist: "content_filter",
  content_filter: "content_filter"
}

/** GigaChat counts cached tokens apart, OpenAI among the prompt's. */
const usageOf = (usage: GigaChatUsage | null | undefined): Usage | undefined => {
  if (usage === undefined || usage === null) return undefined
  if (usage.prompt_tokens === undefined && usage.completion_tokens === undefined) return undefined
  const cachedTokens = tokenCount(usage.precached_prompt_tokens)
  return {
    promptTokens: tokenCount(tokenCount(usage.prompt_tokens) + cachedTokens),
    completionTokens: tokenCount(usage.completion_tokens),
    cachedTokens,
    reasoningTokens: 0
  }
}
