import { Result } from "effect"
import type { AiErrorReason } from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import type { ChatEvent, FinishReason } from "../domain/ChatEvent.ts"
import type { Usage } from "../domain/Usage.ts"
import { type AnswerHead, type Call, callParts, finishPart, metadataPart } from "./Parts.ts"

/** The fold of an answer's events into the parts of `generateText`: who served, what was thought, said and called, and the end. */
export class WholeAnswer {
  private text = ""
  private reasoning = ""
  private refusal = ""
  private readonly calls = new Map<number, Call>()
  private reason: FinishReason | undefined
  private usage: Usage | undefined

  add(events: ReadonlyArray<ChatEvent>): void {
    for (const event of events) this.event(event)
  }

  parts(head: AnswerHead): Result.Result<Array<Response.PartEncoded>, AiErrorReason> {
    const calls = [...this.calls].sort(([a], [b]) => a - b)
    return Result.map(callParts(head, calls, this.reason), (calls) => [
      metadataPart(head),
      ...(this.reasoning === "" ? [] : [{ type: "reasoning", text: this.reasoning } as const]),
      ...(this.text === "" ? [] : [{ type: "text", text: this.text } as const]),
      ...calls,
      finishPart(this.reason, this.usage, this.refusal)
    ])
  }

  private event(event: ChatEvent): void {
    switch (event._tag) {
      case "Started":
        return
      case "TextDelta":
        this.text += event.text
        return
      case "ReasoningDelta":
        this.reasoning += event.text
        return
      case "ToolCallDelta":
        this.calls.set(event.call, continued(this.calls.get(event.call), event))
        return
      case "ChoiceExtra":
        this.refusal += refusalIn(event)
        return
      case "ChoiceFinished":
        this.reason = event.reason
        return
      case "Finished":
        this.usage = event.usage
        return
    }
  }
}

/** A call with what has come of it now. */
export const continued = (call: Call | undefined, delta: Extract<ChatEvent, { _tag: "ToolCallDelta" }>): Call => ({
  id: call?.id ?? delta.id,
  name: call?.name || (delta.name ?? ""),
  arguments: (call?.arguments ?? "") + delta.arguments
})

export const refusalIn = ({ delta }: Extract<ChatEvent, { _tag: "ChoiceExtra" }>): string =>
  typeof delta["refusal"] === "string" ? delta["refusal"] : ""
