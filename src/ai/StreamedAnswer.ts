import { Result } from "effect"
import type { AiErrorReason } from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import type { ChatEvent, FinishReason } from "../domain/ChatEvent.ts"
import { type AnswerHead, type Call, callId, callParts, finishPart, metadataPart } from "./Parts.ts"
import { continued, refusalIn } from "./WholeAnswer.ts"

type Parts = Array<Response.StreamPartEncoded>
type Delta = Extract<ChatEvent, { _tag: "ToolCallDelta" }>

interface Block {
  readonly type: "text" | "reasoning"
  readonly id: string
}

/**
 * An answer's events as the parts of `streamText`, as they come: blocks of text and of reasoning, the arguments of calls while they are written,
 * the calls when they are whole, the end with its usage.
 */
export class StreamedAnswer {
  private readonly head: AnswerHead
  private readonly calls = new Map<number, Call>()
  /** Of the calls whose arguments have been announced. */
  private readonly ids = new Map<number, string>()
  private block: Block | undefined
  private blocks = 0
  private hasBegun = false
  private refusal = ""
  private reason: FinishReason | undefined

  constructor(head: AnswerHead) {
    this.head = head
  }

  parts(events: ReadonlyArray<ChatEvent>): Result.Result<Parts, AiErrorReason> {
    const parts: Parts = []
    if (!this.hasBegun) parts.push(metadataPart(this.head))
    this.hasBegun = true
    for (const event of events) {
      const added = this.event(event, parts)
      if (Result.isFailure(added)) return Result.fail(added.failure)
    }
    return Result.succeed(parts)
  }

  private event(event: ChatEvent, parts: Parts): Result.Result<void, AiErrorReason> {
    switch (event._tag) {
      case "Started":
        return Result.void
      case "TextDelta":
        this.say("text", event.text, parts)
        return Result.void
      case "ReasoningDelta":
        this.say("reasoning", event.text, parts)
        return Result.void
      case "ToolCallDelta":
        this.call(event, parts)
        return Result.void
      case "ChoiceExtra":
        this.refusal += refusalIn(event)
        return Result.void
      case "ChoiceFinished":
        this.reason = event.reason
        return this.close(parts)
      case "Finished":
        parts.push(finishPart(this.reason, event.usage, this.refusal))
        return Result.void
    }
  }

  private say(type: Block["type"], delta: string, parts: Parts): void {
    if (delta === "") return
    if (this.block?.type !== type) {
      this.endBlock(parts)
      this.block = { type, id: `${this.head.requestId}:${type}:${this.blocks++}` }
      parts.push({ type: `${type}-start`, id: this.block.id })
    }
    parts.push({ type: `${type}-delta`, id: this.block.id, delta })
  }

  private call(delta: Delta, parts: Parts): void {
    this.endBlock(parts)
    const { call: index } = delta
    const call = continued(this.calls.get(index), delta)
    this.calls.set(index, call)
    // Without its name nobody could make anything of the arguments: they wait for it.
    if (call.name === "") return
    const id = this.ids.get(index)
    if (id !== undefined) {
      if (delta.arguments !== "") parts.push({ type: "tool-params-delta", id, delta: delta.arguments })
      return
    }
    const made = callId(this.head, call, index)
    this.ids.set(index, made)
    this.calls.set(index, { ...call, id: made })
    parts.push({ type: "tool-params-start", id: made, name: call.name })
    if (call.arguments !== "") parts.push({ type: "tool-params-delta", id: made, delta: call.arguments })
  }

  private endBlock(parts: Parts): void {
    if (this.block === undefined) return
    parts.push({ type: `${this.block.type}-end`, id: this.block.id })
    this.block = undefined
  }

  /** Calls are whole only now: a provider may write several of them by turns. */
  private close(parts: Parts): Result.Result<void, AiErrorReason> {
    this.endBlock(parts)
    for (const id of this.ids.values()) parts.push({ type: "tool-params-end", id })
    const calls = [...this.calls].sort(([a], [b]) => a - b)
    return Result.map(callParts(this.head, calls, this.reason), (calls) => void parts.push(...calls))
  }
}
