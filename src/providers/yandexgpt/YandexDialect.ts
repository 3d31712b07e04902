import { Redacted, Result } from "effect"
import { createHash } from "node:crypto"
import type { ChatEvent, FinishReason } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import type { Usage } from "../../domain/Usage.ts"
import { failedAnswer, invalidAnswer, type Teller } from "../BrokenAnswers.ts"
import type { Dialect, Refusal } from "../Dialect.ts"
import { readJson } from "../JsonText.ts"
import type { Carrier } from "../Parameters.ts"
import { refusalFailure } from "../Refusals.ts"
import { carried, completionBody } from "./CompletionRequest.ts"
import { type Fault, faultOf, faultOfBody } from "./Fault.ts"
import { modelUri } from "./ModelUri.ts"
import { readSnapshot } from "./Snapshot.ts"
import { grow, settled } from "./TextGrowth.ts"

export interface YandexDialectOptions {
  readonly provider: string
  readonly folderId: string
  /** Never told to a client, whatever the vendor says; the folder is hidden without being here. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
}

/** What is known of an answer so far. */
export interface YandexState {
  isStarted: boolean
  isFinished: boolean
  /** What the next snapshot is measured against. */
  reached: string
  /** The last snapshot's text, its unfinished end included. */
  latest: string
  /** Whether the upstream may stop after the last snapshot. */
  mayEnd: boolean
  usage: Usage | undefined
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
      Result.gen(function* () {
        const uri = yield* modelUri(provider, folderId, model)
        const { body, dropped } = yield* completionBody(carrier, request)
        return {
          body: { modelUri: uri, ...body },
          dropped,
          headers: { "x-client-request-id": clientRequestId(requestId) }
        }
      }),

    read: (call, body) => {
      const state = dialect.start(call)
      return Result.flatMap(dialect.step(state, body), (events) =>
        Result.map(dialect.halt(state), (rest) => [...events, ...rest])
      )
    },

    start: () => ({ isStarted: false, isFinished: false, reached: "", latest: "", mayEnd: false, usage: undefined }),

    step: (state, frame) => {
      if (state.isFinished) return Result.succeed([])
      const envelope = readJson(frame)
      const fault = faultOf(envelope)
      if (fault !== undefined) return Result.fail(faultFailure(teller, fault, 200, undefined))
      const snapshot = readSnapshot(envelope)
      if (snapshot === undefined) return Result.fail(invalidAnswer(teller, "sent something else than an answer"))
      if (snapshot.status === "tool_calls") {
        return Result.fail(invalidAnswer(teller, "called a tool though none was offered"))
      }
      const events: Array<ChatEvent> = []
      if (!state.isStarted) {
        state.isStarted = true
        events.push({ _tag: "Started", upstreamModel: snapshot.modelVersion })
      }
      if (isKnown(snapshot.usage) || state.usage === undefined) state.usage = snapshot.usage
      state.mayEnd = snapshot.status !== "going"
      if (snapshot.status === "going" || snapshot.status === "unknown") {
        state.latest = snapshot.text
        tell(state, settled(snapshot.text), events)
      } else {
        // A filter puts a canned refusal in the text's place: told where it is the whole answer, never glued to half of one.
        if (snapshot.status !== "content_filter" || state.reached === "") tell(state, snapshot.text, events)
        finish(state, snapshot.status, events)
      }
      return Result.succeed(events)
    },

    halt: (state) => {
      if (state.isFinished) return Result.succeed([])
      if (!state.mayEnd) return Result.fail(failedAnswer(teller, "cut off its answer before the end"))
      const events: Array<ChatEvent> = []
      tell(state, state.latest, events)
      finish(state, "stop", events)
      return Result.succeed(events)
    },

    refuse: (_, { status, headers, body }) => faultFailure(teller, faultOfBody(body), status, headers)
  }
  return dialect
}

// Requests

/** The vendor wants a UUID: the digits of our own id, so that both sides' logs can be laid side by side, or else a hash of it. */
const clientRequestId = (requestId: string): string => {
  const digits =
    /[0-9a-f]{32}$/.exec(requestId)?.[0] ?? createHash("sha256").update(requestId).digest("hex").slice(0, 32)
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5")
}

// Answers

const tell = (state: YandexState, text: string, events: Array<ChatEvent>): void => {
  const { reached, delta } = grow(state.reached, text)
  state.reached = reached
  if (delta !== "") events.push({ _tag: "TextDelta", choice: 0, text: delta })
}

const finish = (state: YandexState, reason: FinishReason, events: Array<ChatEvent>): void => {
  state.isFinished = true
  events.push({ _tag: "ChoiceFinished", choice: 0, reason }, { _tag: "Finished", usage: state.usage })
}

/** A filtered answer is counted with zeros, which are not what was used. */
const isKnown = (usage: Usage | undefined) =>
  usage !== undefined && (usage.promptTokens > 0 || usage.completionTokens > 0)

// Failures

const faultFailure = (
  teller: Teller,
  { status, message, code }: Fault,
  answered: number,
  headers: Refusal["headers"] | undefined
): ProviderFailure =>
  refusalFailure({
    ...teller,
    status: answered >= 400 ? answered : (status ?? answered),
    headers,
    message,
    code
  })
