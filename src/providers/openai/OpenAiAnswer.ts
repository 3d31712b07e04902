import type { ChatEvent, FinishReason, Finished, Started } from "../../domain/ChatEvent.ts"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { tokenCount, type Usage } from "../../domain/Usage.ts"
import { elements, filled, isNothing } from "../JsonText.ts"
import type { ChatCall } from "../Provider.ts"
import { type Parted, ThinkTags } from "./ThinkTags.ts"
import { ToolCalls } from "./ToolCalls.ts"

/** The fields that nothing here acts on; undefined where there is none. */
const rest = (fields: JsonObject, known: ReadonlySet<string>): JsonObject | undefined => {
  let kept: Record<string, Json> | undefined
  for (const name in fields) {
    if (known.has(name)) continue
    const value = fields[name]
    if (value === undefined || isNothing(value)) continue
    kept ??= {}
    kept[name] = value
  }
  return kept
}

const topFields = new Set(["id", "object", "created", "model", "choices", "usage", "error", "obfuscation"])
const choiceFields = new Set(["index", "delta", "message", "finish_reason"])
const messageFields = new Set(["role", "content", "tool_calls", "reasoning_content", "reasoning"])

const started = (answer: JsonObject): Started => {
  const upstreamModel = filled(answer["model"])
  const extra = rest(answer, topFields)
  return {
    _tag: "Started",
    ...(upstreamModel === undefined ? {} : { upstreamModel }),
    ...(extra === undefined ? {} : { extra })
  }
}

/** Undefined where the upstream counted nothing: then it is estimated. Its numbers can never turn into a credit. */
export const usageOf = (usage: Json | undefined): Usage | undefined => {
  if (!isJsonObject(usage)) return undefined
  const promptTokens = tokenCount(usage["prompt_tokens"])
  const completionTokens = tokenCount(usage["completion_tokens"])
  if (promptTokens === 0 && completionTokens === 0) return undefined
  const prompt = usage["prompt_tokens_details"]
  const completion = usage["completion_tokens_details"]
  const cached = tokenCount((isJsonObject(prompt) ? prompt["cached_tokens"] : null) ?? usage["prompt_cache_hit_tokens"])
  const reasoning = tokenCount(isJsonObject(completion) ? completion["reasoning_tokens"] : undefined)
  return {
    promptTokens,
    completionTokens,
    cachedTokens: Math.min(cached, promptTokens),
    reasoningTokens: Math.min(reasoning, completionTokens)
  }
}

/** OpenAI's own five, and what compatible servers say for them. */
const reasons = new Map<string, FinishReason>([
  ["stop", "stop"],
  ["length", "length"],
  ["tool_calls", "tool_calls"],
  ["content_filter", "content_filter"],
  ["function_call", "function_call"],
  ["max_tokens", "length"],
  ["model_length", "length"],
  ["safety", "content_filter"]
])
/** The upstream gave up: what it sent is no answer. */
const broken = new Set(["error", "abort", "cancelled", "insufficient_system_resource", "network_error"])

/** Text, or the text of a list of parts. */
const textOf = (content: Json | undefined): string =>
  typeof content === "string"
    ? content
    : elements(content)
        .map((part) => (isJsonObject(part) ? (filled(part["text"]) ?? "") : ""))
        .join("")

interface Choice {
  isFinished: boolean
  readonly tags: ThinkTags | undefined
  calls: ToolCalls | undefined
}

const tell = ({ text, thought }: Parted, choice: number, events: Array<ChatEvent>): void => {
  if (thought !== "") events.push({ _tag: "ReasoningDelta", choice, text: thought })
  if (text !== "") events.push({ _tag: "TextDelta", choice, text })
}

/** One answer as it is put together: a whole one is a stream of one chunk whose choices carry `message` in place of `delta`. */
export class OpenAiAnswer {
  readonly call: ChatCall
  readonly hasTags: boolean
  isEnded = false
  private isStarted = false
  private usage: Usage | undefined
  private readonly choices = new Map<number, Choice>()
  /** The `finish_reason` by which the upstream said that it gave up. */
  brokenBy: string | undefined

  /** `hasTags`: the model's thoughts may stand in its text. */
  constructor(call: ChatCall, hasTags = false) {
    this.call = call
    this.hasTags = hasTags
  }

  /** The events of a chunk (`delta`) or of a whole answer (`message`). */
  read(answer: JsonObject, part: "delta" | "message"): ReadonlyArray<ChatEvent> {
    const events: Array<ChatEvent> = []
    if (!this.isStarted) {
      this.isStarted = true
      events.push(started(answer))
    }
    // The last one counts: some send it with every chunk, ever larger.
    if (isJsonObject(answer["usage"])) this.usage = usageOf(answer["usage"]) ?? this.usage
    for (const choice of elements(answer["choices"])) if (isJsonObject(choice)) this.readChoice(choice, part, events)
    return events
  }

  /** The end, where every choice has come to its own; undefined where the answer is not whole. */
  end(): Finished | undefined {
    if (this.choices.size === 0) return undefined
    for (const choice of this.choices.values()) if (!choice.isFinished) return undefined
    this.isEnded = true
    return this.usage === undefined ? { _tag: "Finished" } : { _tag: "Finished", usage: this.usage }
  }

  private readChoice(choice: JsonObject, part: "delta" | "message", events: Array<ChatEvent>): void {
    const index = typeof choice["index"] === "number" ? choice["index"] : 0
    let known = this.choices.get(index)
    if (known === undefined) {
      known = { isFinished: false, tags: this.hasTags ? new ThinkTags() : undefined, calls: undefined }
      this.choices.set(index, known)
    }
    // What comes after a choice's end is a repetition, or the empty frame around a late `usage`.
    if (known.isFinished) return
    const message = choice[part]
    this.readMessage(known, index, isJsonObject(message) ? message : {}, rest(choice, choiceFields), part, events)

    const reason = filled(choice["finish_reason"])
    if (reason === undefined) return
    if (broken.has(reason)) {
      this.brokenBy = reason
      return
    }
    known.isFinished = true
    if (known.tags !== undefined) tell(known.tags.end(), index, events)
    // An end in words that OpenAI does not have (`eos`, `end_turn`) is an end all the same.
    events.push({ _tag: "ChoiceFinished", choice: index, reason: reasons.get(reason.toLowerCase()) ?? "stop" })
  }

  private readMessage(
    known: Choice,
    choice: number,
    message: JsonObject,
    extra: JsonObject | undefined,
    part: "delta" | "message",
    events: Array<ChatEvent>
  ): void {
    const thought = filled(message["reasoning_content"]) ?? filled(message["reasoning"])
    if (thought !== undefined) events.push({ _tag: "ReasoningDelta", choice, text: thought })

    let text = textOf(message["content"])
    if (text !== "" && known.tags !== undefined) {
      const parted = known.tags.read(text)
      text = parted.text
      if (parted.thought !== "") events.push({ _tag: "ReasoningDelta", choice, text: parted.thought })
    }
    if (extra !== undefined) events.push({ _tag: "TextDelta", choice, text, extra })
    else if (text !== "") events.push({ _tag: "TextDelta", choice, text })

    const calls = elements(message["tool_calls"])
    for (let position = 0; position < calls.length; position++) {
      const entry = calls[position]
      if (!isJsonObject(entry)) continue
      known.calls ??= new ToolCalls(choice, this.call.requestId)
      events.push(known.calls.read(entry, part === "message" ? position : undefined))
    }

    const other = rest(message, messageFields)
    if (other !== undefined) events.push({ _tag: "ChoiceExtra", choice, delta: other })
  }
}
