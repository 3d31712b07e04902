import type { ChatEvent, FinishReason, ToolCallDelta } from "../domain/ChatEvent.ts"
import type { JsonObject } from "../domain/Json.ts"
import { makeAnswerId } from "./Ids.ts"

/** Told of each event of a stream, without what is the same in all of them. */
export type Emit = (type: string, fields: JsonObject) => void

type Status = "in_progress" | "completed" | "incomplete"

interface Part {
  readonly kind: "output_text" | "refusal" | "reasoning_text"
  text: string
}

/** A message, or what was thought before it. */
interface Spoken {
  readonly kind: "message" | "reasoning"
  readonly index: number
  readonly id: string
  readonly parts: Array<Part>
  status: Status
}

interface Call {
  readonly kind: "function_call"
  readonly index: number
  readonly id: string
  readonly callId: string
  readonly name: string
  arguments: string
  status: Status
}

/**
 * The fold of a provider's events into the output items of a response, and the events that tell of them as they grow. A message
 * ends where something else begins; calls are open together until the end, since their arguments may come by turns.
 */
export class ResponsesItems {
  private readonly emit: Emit
  private readonly items: Array<Spoken | Call> = []
  private readonly calls = new Map<number, Call>()
  private open: Spoken | undefined
  reason: FinishReason | undefined

  constructor(emit: Emit) {
    this.emit = emit
  }

  add(events: ReadonlyArray<ChatEvent>): void {
    for (const event of events) {
      // One choice is all that was asked for.
      if ("choice" in event && event.choice !== 0) continue
      switch (event._tag) {
        case "TextDelta":
          this.say("output_text", event.text)
          break
        case "ReasoningDelta":
          this.say("reasoning_text", event.text)
          break
        case "ToolCallDelta":
          this.call(event)
          break
        case "ChoiceExtra": {
          const { refusal } = event.delta
          if (typeof refusal === "string") this.say("refusal", refusal)
          break
        }
        case "ChoiceFinished":
          this.finish(event.reason)
      }
    }
  }

  /** What has not come to its end is `in_progress`, or `incomplete` where it will not. */
  get output(): ReadonlyArray<JsonObject> {
    return this.items.map(itemJson)
  }

  /** Nothing more will come. */
  breakOff(): void {
    for (const item of this.items) if (item.status === "in_progress") item.status = "incomplete"
  }

  private say(kind: Part["kind"], text: string): void {
    if (text === "") return
    const item = this.speaking(kind === "reasoning_text" ? "reasoning" : "message")
    let part = item.parts.at(-1)
    if (part?.kind !== kind) {
      this.endPart(item)
      part = { kind, text: "" }
      item.parts.push(part)
      this.emit("response.content_part.added", { ...placeOf(item), part: partJson(part) })
    }
    part.text += text
    this.emit(`response.${kind}.delta`, { ...placeOf(item), delta: text, ...logprobsOf(part) })
  }

  private speaking(kind: Spoken["kind"]): Spoken {
    if (this.open?.kind === kind) return this.open
    this.endSpoken("completed")
    const item: Spoken = {
      kind,
      index: this.items.length,
      id: makeAnswerId(kind === "message" ? "msg_" : "rs_"),
      parts: [],
      status: "in_progress"
    }
    this.open = item
    this.begin(item)
    return item
  }

  private call(event: ToolCallDelta): void {
    let call = this.calls.get(event.call)
    if (call === undefined) {
      this.endSpoken("completed")
      call = {
        kind: "function_call",
        index: this.items.length,
        id: makeAnswerId("fc_"),
        callId: event.id ?? `call_${event.call}`,
        name: event.name ?? "",
        arguments: "",
        status: "in_progress"
      }
      this.calls.set(event.call, call)
      this.begin(call)
    }
    if (event.arguments === "") return
    call.arguments += event.arguments
    this.emit("response.function_call_arguments.delta", {
      item_id: call.id,
      output_index: call.index,
      delta: event.arguments
    })
  }

  private begin(item: Spoken | Call): void {
    this.items.push(item)
    this.emit("response.output_item.added", { output_index: item.index, item: itemJson(item) })
  }

  private finish(reason: FinishReason): void {
    this.reason = reason
    const status = incompleteReason(reason) === undefined ? "completed" : "incomplete"
    this.endSpoken(status)
    for (const call of this.calls.values()) this.endCall(call, status)
  }

  private endPart(item: Spoken): void {
    const part = item.parts.at(-1)
    if (part === undefined) return
    const text = part.kind === "refusal" ? { refusal: part.text } : { text: part.text }
    this.emit(`response.${part.kind}.done`, { ...placeOf(item), ...text, ...logprobsOf(part) })
    this.emit("response.content_part.done", { ...placeOf(item), part: partJson(part) })
  }

  private endSpoken(status: Status): void {
    const item = this.open
    if (item === undefined) return
    this.open = undefined
    this.endPart(item)
    this.end(item, status)
  }

  private endCall(call: Call, status: Status): void {
    // Arguments that were cut off must not be taken for whole ones.
    if (status === "completed") {
      this.emit("response.function_call_arguments.done", {
        item_id: call.id,
        output_index: call.index,
        name: call.name,
        arguments: call.arguments
      })
    }
    this.end(call, status)
  }

  private end(item: Spoken | Call, status: Status): void {
    item.status = status
    this.emit("response.output_item.done", { output_index: item.index, item: itemJson(item) })
  }
}

/** Why an answer is not whole, in the Responses API's words; undefined where it is. */
export const incompleteReason = (reason: FinishReason | undefined): string | undefined => {
  switch (reason) {
    case "length":
      return "max_output_tokens"
    case "content_filter":
      return "content_filter"
    default:
      return undefined
  }
}

/** Of the part that an item is at. */
const placeOf = ({ id, index, parts }: Spoken): JsonObject => ({
  item_id: id,
  output_index: index,
  content_index: parts.length - 1
})

const logprobsOf = ({ kind }: Part): JsonObject => (kind === "output_text" ? { logprobs: [] } : {})

const partJson = ({ kind, text }: Part): JsonObject => {
  switch (kind) {
    case "output_text":
      return { type: kind, text, annotations: [], logprobs: [] }
    case "refusal":
      return { type: kind, refusal: text }
    case "reasoning_text":
      return { type: kind, text }
  }
}

const itemJson = (item: Spoken | Call): JsonObject => {
  const { id, kind: type, status } = item
  switch (item.kind) {
    case "message":
      return { id, type, status, role: "assistant", content: item.parts.map(partJson) }
    case "reasoning":
      return { id, type, status, summary: [], content: item.parts.map(partJson) }
    case "function_call":
      return { id, type, status, call_id: item.callId, name: item.name, arguments: item.arguments }
  }
}
