import { Redacted, Result } from "effect"
import type { ChatEvent, FinishReason } from "../../domain/ChatEvent.ts"
import type { ProviderError } from "../../domain/Errors.ts"
import { isJsonObject } from "../../domain/Json.ts"
import type { Usage } from "../../domain/Usage.ts"
import { failedAnswer, invalidAnswer, type Teller } from "../BrokenAnswers.ts"
import { newCallId } from "../CallId.ts"
import type { Dialect } from "../Dialect.ts"
import { readJson } from "../JsonText.ts"
import type { Carrier } from "../Parameters.ts"
import type { ChatCall } from "../Provider.ts"
import { clientRequestId } from "./ClientRequestId.ts"
import { carried, completionBody } from "./CompletionRequest.ts"
import { faultFailure, faultOf, faultOfBody } from "./Fault.ts"
import { GrowingLine } from "./GrowingLine.ts"
import { modelUri } from "./ModelUri.ts"
import { type CalledFunction, readSnapshot } from "./Snapshot.ts"
import { grow, settled } from "./TextGrowth.ts"
import { callable } from "./Tools.ts"

export interface YandexDialectOptions {
  readonly provider: string
  readonly folderId: string
  /** Never told to a client, whatever the vendor says; the folder is hidden without being here. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/** What is known of an answer so far. */
export interface YandexState {
  readonly call: ChatCall
  isStarted: boolean
  isFinished: boolean
  /** What the next snapshot is measured against. */
  reached: string
  /** The last snapshot's text, its unfinished end included. */
  latest: string
  /** Whether the upstream may stop after the last snapshot. */
  mayEnd: boolean
  /** The vendor said that it ended in calls. */
  isCalling: boolean
  /** The last calls that were named; told at the end, when there can be no others. */
  calls: ReadonlyArray<CalledFunction>
  usage: Usage | undefined
  /** The last line, where what follows may only have to be compared with it. */
  line: GrowingLine | undefined
  /** The last line that was only compared: its counts are later ones than `usage`, and are looked at when they are needed. */
  uncounted: string | undefined
}

/**
 * The language of `POST /foundationModels/v1/completion` (TextGenerationService.Completion of Yandex Cloud): a stream is lines
 * of JSON, each of which is the whole answer so far; an answer that is not streamed is one such line.
 */
export const make = ({ provider, folderId, secrets }: YandexDialectOptions): Dialect<YandexState> => {
  const teller: Teller = { provider, secrets: [folderId, ...secrets.map(Redacted.value)] }
  const carrier: Carrier = { provider, who: "YandexGPT models", carried }
  const dialect: Dialect<YandexState> = {
    lower: ({ model, request, requestId }) =>
      Result.flatMap(modelUri(provider, folderId, model), (uri) =>
        Result.map(completionBody(carrier, request), ({ body, dropped }) => ({
          body: { modelUri: uri, ...body },
          dropped,
          headers: { "x-client-request-id": clientRequestId(requestId) }
        }))
      ),

    read: (call, body) => {
      const state = dialect.start(call)
      return Result.flatMap(dialect.step(state, body), (events) =>
        Result.map(dialect.halt(state), (rest) => [...events, ...rest])
      )
    },

    start: (call) => ({
      call,
      isStarted: false,
      isFinished: false,
      reached: "",
      latest: "",
      mayEnd: false,
      isCalling: false,
      calls: [],
      usage: undefined,
      line: undefined,
      uncounted: undefined
    }),

    step: (state, frame) => {
      if (state.isFinished) return nothing
      const more = state.line?.read(frame)
      if (more !== undefined) return goneOn(state, frame, more)
      const envelope = readJson(frame)
      const fault = faultOf(envelope)
      if (fault !== undefined) return Result.fail(faultFailure(teller, fault, { status: 200 }))
      const snapshot = readSnapshot(envelope)
      if (snapshot === undefined) return Result.fail(invalidAnswer(teller, "sent something else than an answer"))
      const events: Array<ChatEvent> = []
      if (!state.isStarted) {
        state.isStarted = true
        events.push({ _tag: "Started", upstreamModel: snapshot.modelVersion })
      }
      if (!isKnown(snapshot.usage)) counted(state)
      state.uncounted = undefined
      count(state, snapshot.usage)
      if (snapshot.calls.length > 0) state.calls = snapshot.calls
      const { calls, status, text } = snapshot
      state.mayEnd = status !== "going"
      // The list of calls may come with several snapshots, each of which says that it is the last.
      if (status === "going" || status === "unknown" || status === "tool_calls") {
        state.isCalling ||= status === "tool_calls"
        state.latest = text
        tell(state, settled(text), events)
        const isAllTold = status === "going" && calls.length === 0 && state.reached === text
        state.line = isAllTold ? GrowingLine.of(frame, text) : undefined
        return Result.succeed(events)
      }
      // A filter puts a canned refusal in the text's place: told where it is the whole answer, never glued to half of one.
      if (status !== "content_filter" || state.reached === "") tell(state, text, events)
      return ended(teller, state, status, events)
    },

    halt: (state) => {
      if (state.isFinished) return nothing
      if (!state.mayEnd) return Result.fail(failedAnswer(teller, "cut off its answer before the end"))
      const events: Array<ChatEvent> = []
      tell(state, state.latest, events)
      return ended(teller, state, state.isCalling ? "tool_calls" : "stop", events)
    },

    refuse: (_, refusal) => faultFailure(teller, faultOfBody(refusal.body), refusal)
  }
  return dialect
}

// Answers

type Told = Result.Result<ReadonlyArray<ChatEvent>, ProviderError>

const nothing: Told = Result.succeed([])

/** By a line that differs from the last in that, and in its counts. */
const goneOn = (state: YandexState, line: string, text: string): Told => {
  state.uncounted = line
  if (text === "") return nothing
  state.reached += text
  state.latest = state.reached
  return Result.succeed([{ _tag: "TextDelta", choice: 0, text }])
}

const tell = (state: YandexState, text: string, events: Array<ChatEvent>): void => {
  const { reached, delta } = grow(state.reached, text)
  state.reached = reached
  if (delta !== "") events.push({ _tag: "TextDelta", choice: 0, text: delta })
}

/** The end of the answer, and before it the calls that were made. */
const ended = (teller: Teller, state: YandexState, reason: FinishReason, events: Array<ChatEvent>): Told => {
  state.isFinished = true
  const calls = reason === "content_filter" ? [] : state.calls
  if (reason === "tool_calls" && calls.length === 0) {
    return Result.fail(invalidAnswer(teller, "said that it called a tool, and named none"))
  }
  if (calls.length > 0) {
    const offered = callable(state.call.request)
    for (const [index, { name, arguments: given }] of calls.entries()) {
      if (!offered.has(name)) return Result.fail(invalidAnswer(teller, "called a tool that it was not offered"))
      if (!isJsonObject(given))
        return Result.fail(invalidAnswer(teller, "called a tool with arguments that are no object"))
      events.push({
        _tag: "ToolCallDelta",
        choice: 0,
        call: index,
        id: newCallId(),
        name,
        // The vendor's numbers are doubles, as ours are (google.protobuf.Struct): nothing is lost by having read them.
        arguments: JSON.stringify(given)
      })
    }
  }
  events.push(
    { _tag: "ChoiceFinished", choice: 0, reason: calls.length > 0 && reason === "stop" ? "tool_calls" : reason },
    { _tag: "Finished", usage: counted(state) }
  )
  return Result.succeed(events)
}

/** The counts of all lines so far. */
const counted = (state: YandexState): Usage | undefined => {
  const line = state.uncounted
  state.uncounted = undefined
  if (line !== undefined) count(state, readSnapshot(readJson(line))?.usage)
  return state.usage
}

const count = (state: YandexState, usage: Usage | undefined): void => {
  if (isKnown(usage) || state.usage === undefined) state.usage = usage
}

/** A filtered answer is counted with zeros, which are not what was used. */
const isKnown = (usage: Usage | undefined) =>
  usage !== undefined && (usage.promptTokens > 0 || usage.completionTokens > 0)
