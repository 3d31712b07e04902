import { Result } from "effect"
import type { ChatEvent, FinishReason } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { tokenCount, type Usage } from "../../domain/Usage.ts"
import { failedAnswer, invalidAnswer } from "../BrokenAnswers.ts"
import type { Dialect, Refusal } from "../Dialect.ts"
import type { Carrier } from "../Parameters.ts"
import { refusalFailure } from "../Refusals.ts"
import { lowerMessages } from "./GigaChatMessages.ts"
import { carried, lowerParameters } from "./GigaChatParameters.ts"
import { decodeAnswer, type GigaChatAnswer, type GigaChatSaid, type GigaChatUsage, wordsOf } from "./GigaChatWire.ts"

/** What of a stream has been told so far. */
export interface GigaChatState {
  isStarted: boolean
  isFinished: boolean
  usage: Usage | undefined
}

type Told = Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>

/** GigaChat's `POST /chat/completions`, v1, for conversations of text. */
export const make = (provider: string): Dialect<GigaChatState> => {
  const teller = { provider }
  const carrier: Carrier = { provider, who: "GigaChat models", carried }

  // Request

  const lower: Dialect<GigaChatState>["lower"] = ({ model, request, requestId }) =>
    Result.gen(function* () {
      const { body, dropped } = yield* lowerParameters(carrier, request)
      const messages = yield* lowerMessages(carrier, request.messages)
      return { body: { model, messages, ...body }, dropped, headers: { "X-Request-ID": requestId } }
    })

  // Answer

  const read = (body: string): Told =>
    Result.flatMap(parse(body), ({ choices, model, usage }) => {
      const choice = choices?.[0]
      if (!choice?.message) return Result.fail(invalidAnswer(teller, "sent an answer without a message"))
      return Result.map(Result.all([deltas(choice.message), finish(choice.finish_reason)]), ([said, finished]) => [
        { _tag: "Started", upstreamModel: model ?? undefined },
        ...said,
        ...finished,
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

  const deltas = (said: GigaChatSaid | null | undefined): Told => {
    // Progress of a built-in function is no part of the answer.
    if (!said || said.role === "function_in_progress") return Result.succeed([])
    if (said.function_call) return Result.fail(calledUnasked())
    const events: Array<ChatEvent> = []
    if (said.reasoning_content) events.push({ _tag: "ReasoningDelta", choice: 0, text: said.reasoning_content })
    if (said.content) events.push({ _tag: "TextDelta", choice: 0, text: said.content })
    return Result.succeed(events)
  }

  const finish = (reason: string | null | undefined): Told => {
    if (!reason) return Result.fail(cutOff())
    if (reason === "function_call") return Result.fail(calledUnasked())
    return reason === "error"
      ? Result.fail(failedAnswer(teller, "ended its answer with an error"))
      : Result.succeed([{ _tag: "ChoiceFinished", choice: 0, reason: finishReasons[reason] ?? "stop" }])
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
      if (!choice.finish_reason) return Result.map(deltas(choice.delta), (said) => [...opening, ...said])
      state.isFinished = true
      return Result.map(Result.all([deltas(choice.delta), finish(choice.finish_reason)]), ([said, finished]) => [
        ...opening,
        ...said,
        ...finished
      ])
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

  /** None is ever offered. */
  const calledUnasked = () => invalidAnswer(teller, "called a function though none was offered")

  return {
    lower,
    read: (_call, body) => read(body),
    start: () => ({ isStarted: false, isFinished: false, usage: undefined }),
    step,
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
