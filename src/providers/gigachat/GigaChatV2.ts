import { Result } from "effect"
import type { ChatEvent } from "../../domain/ChatEvent.ts"
import type { ProviderFailure } from "../../domain/Errors.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { tokenCount } from "../../domain/Usage.ts"
import type { Dialect } from "../Dialect.ts"
import { readExactObject } from "../ExactJson.ts"
import { elements, filled } from "../JsonText.ts"
import type { GigaChatState } from "./GigaChatDialect.ts"
import { requestOfV2 } from "./GigaChatV2Request.ts"

type Told = Result.Result<ReadonlyArray<ChatEvent>, ProviderFailure>

/**
 * GigaChat's `POST /v2/chat/completions`: what `v1` says and understands, in v2's words. Its stream has named events, each of which
 * tells by what it holds what it is; the one that ends the answer holds its usage, and no `[DONE]` follows.
 */
export const make = (v1: Dialect<GigaChatState>): Dialect<GigaChatState> => {
  const steps = (state: GigaChatState, frames: ReadonlyArray<string>): Told => {
    let told: Told = Result.succeed([])
    for (const frame of frames) {
      told = Result.flatMap(told, (before) => Result.map(v1.step(state, frame), (events) => [...before, ...events]))
    }
    return Result.flatMap(told, (events) =>
      state.isFinished ? Result.map(v1.halt(state), (end) => [...events, ...end]) : Result.succeed(events)
    )
  }

  return {
    lower: (call) =>
      Result.map(v1.lower(call), ({ uploads, ...lowered }) => ({
        ...lowered,
        body: requestOfV2(lowered.body),
        uploads: uploads && { ...uploads, body: (ids) => requestOfV2(uploads.body(ids)) }
      })),

    read: (call, body) => {
      const frames = framesOf(body)
      if (frames === undefined) return v1.read(call, body)
      const state = v1.start(call)
      return Result.flatMap(steps(state, frames), (events) =>
        state.isFinished ? Result.succeed(events) : v1.halt(state)
      )
    },

    start: v1.start,

    step: (state, frame) => steps(state, framesOf(frame) ?? [frame]),

    halt: v1.halt,

    refuse: v1.refuse
  }
}

/** An answer of v2, or a piece of one, as pieces of v1; undefined where it is something else, such as a refusal. */
const framesOf = (text: string): ReadonlyArray<string> | undefined => {
  const said = readExactObject(text)
  if (said === undefined) return undefined
  const { finish_reason: end, messages, model, usage } = said
  if (!Array.isArray(messages) && filled(end) === undefined) return undefined
  const all = elements(messages).filter(isJsonObject)
  const pieces = all.flatMap(piecesOf)
  const finish = filled(end) ?? all.map((message) => filled(message["finish_reason"])).findLast(Boolean)
  if (finish !== undefined || pieces.length === 0) pieces.push({ delta: {}, finish_reason: finish ?? null })
  const last = pieces.length - 1
  return pieces.map((choice, at) =>
    JSON.stringify({ model, choices: [choice], usage: at === last ? usageOfV1(usage) : undefined })
  )
}

/** What an assistant says. A state is told of the message, though it is the call that it belongs to. */
const piecesOf = (message: JsonObject): Array<JsonObject> => {
  const role = message["role"] ?? "assistant"
  if (role !== "assistant" && role !== "reasoning") return []
  const parts = elements(message["content"]).filter(isJsonObject)
  const state = message["tool_state_id"] ?? message["tools_state_id"]
  const text = parts.map((part) => filled(part["text"]) ?? "").join("")
  const thought = [message, ...parts].map(thoughtIn).join("") + (role === "reasoning" ? text : "")
  const calls = [message, ...parts].map((holder) => holder["function_call"]).filter(isJsonObject)
  return [
    ...(thought === "" ? [] : [{ delta: { reasoning_content: thought } }]),
    ...(text === "" || role === "reasoning" ? [] : [{ delta: { content: text } }]),
    ...calls.map((call) => ({ delta: { function_call: call, functions_state_id: state ?? null } }))
  ]
}

const thoughtIn = ({ reasoning, reasoning_content: content }: JsonObject): string =>
  (isJsonObject(reasoning) ? filled(reasoning["text"]) : undefined) ?? filled(content) ?? ""

/** Here the cached tokens are among the input's; v1 counts them apart. */
const usageOfV1 = (usage: Json | undefined): JsonObject | undefined => {
  if (!isJsonObject(usage) || (usage["input_tokens"] === undefined && usage["output_tokens"] === undefined))
    return undefined
  const details = usage["input_tokens_details"]
  const cached = tokenCount(isJsonObject(details) ? details["cached_tokens"] : undefined)
  return {
    prompt_tokens: Math.max(tokenCount(usage["input_tokens"]) - cached, 0),
    completion_tokens: tokenCount(usage["output_tokens"]),
    precached_prompt_tokens: cached
  }
}
