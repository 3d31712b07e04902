import type { ChatEvent, FinishReason } from "../domain/ChatEvent.ts"
import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"
import type { Usage } from "../domain/Usage.ts"
import type { AnswerHead, BodyWriter } from "./AnswerForm.ts"
import { usageBody } from "./ChatChunks.ts"

interface CallParts {
  isCustom: boolean
  id: string | undefined
  name: string | undefined
  arguments: string
}

interface ChoiceParts {
  text: string | undefined
  reasoning: string | undefined
  readonly calls: Map<number, CallParts>
  delta: JsonObject
  beside: JsonObject
  reason: FinishReason | undefined
}

/** The fold of a stream's events into the one answer of a request that is not streamed (`chat.completion`). */
export class ChatCompletion implements BodyWriter {
  private readonly choices = new Map<number, ChoiceParts>()
  private extra: JsonObject = {}
  usage: Usage | undefined

  add(events: ReadonlyArray<ChatEvent>): void {
    for (const event of events) this.event(event)
  }

  body(head: AnswerHead, usage: Usage): string {
    return JSON.stringify({
      id: head.id,
      object: "chat.completion",
      created: head.created,
      model: head.model,
      choices: [...this.choices]
        .sort(([a], [b]) => a - b)
        .map(([index, choice]) => ({
          index,
          message: message(choice),
          logprobs: null,
          ...choice.beside,
          finish_reason: choice.reason ?? null
        })),
      usage: usageBody(usage),
      ...this.extra
    })
  }

  private event(event: ChatEvent): void {
    switch (event._tag) {
      case "Started":
        if (event.extra !== undefined) this.extra = event.extra
        return
      case "TextDelta": {
        const choice = this.choice(event.choice)
        choice.text = (choice.text ?? "") + event.text
        if (event.extra !== undefined) choice.beside = joined(choice.beside, event.extra)
        return
      }
      case "ReasoningDelta": {
        const choice = this.choice(event.choice)
        choice.reasoning = (choice.reasoning ?? "") + event.text
        return
      }
      case "ToolCallDelta": {
        const { calls } = this.choice(event.choice)
        const call = calls.get(event.call) ?? {
          isCustom: event.isCustom === true,
          id: undefined,
          name: undefined,
          arguments: ""
        }
        calls.set(event.call, call)
        call.id ??= event.id
        call.name ??= event.name
        call.arguments += event.arguments
        return
      }
      case "ChoiceExtra": {
        const choice = this.choice(event.choice)
        choice.delta = joined(choice.delta, event.delta)
        return
      }
      case "ChoiceFinished":
        this.choice(event.choice).reason = event.reason
        return
      case "Finished":
        this.usage = event.usage
        return
    }
  }

  private choice(index: number): ChoiceParts {
    const existing = this.choices.get(index)
    if (existing !== undefined) return existing
    const made: ChoiceParts = {
      text: undefined,
      reasoning: undefined,
      calls: new Map(),
      delta: {},
      beside: {},
      reason: undefined
    }
    this.choices.set(index, made)
    return made
  }
}

/** What stands in the place of a text. */
const saidElsewhere = ["refusal", "function_call"]

const message = ({ text, reasoning, calls, delta }: ChoiceParts) => ({
  role: "assistant",
  content: text ?? (calls.size > 0 || saidElsewhere.some((field) => delta[field] !== undefined) ? null : ""),
  refusal: null,
  ...delta,
  ...(reasoning === undefined ? {} : { reasoning_content: reasoning }),
  ...(calls.size === 0 ? {} : { tool_calls: [...calls].sort(([a], [b]) => a - b).map(toolCall) })
})

const toolCall = ([index, call]: readonly [number, CallParts]) => {
  const id = call.id ?? `call_${index}`
  const name = call.name ?? ""
  return call.isCustom
    ? { id, type: "custom", custom: { name, input: call.arguments } }
    : { id, type: "function", function: { name, arguments: call.arguments } }
}

/** Pieces of one thing put together: strings and lists are joined, objects merged, anything else is replaced. */
const joined = (before: JsonObject, piece: JsonObject): JsonObject => {
  const result: Record<string, Json | undefined> = { ...before }
  for (const [key, value] of Object.entries(piece)) {
    const had = result[key]
    if (typeof had === "string" && typeof value === "string") result[key] = had + value
    else if (Array.isArray(had) && Array.isArray(value)) result[key] = [...had, ...value]
    else if (isJsonObject(had) && isJsonObject(value)) result[key] = joined(had, value)
    else result[key] = value
  }
  return result
}
