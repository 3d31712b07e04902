import { identity } from "effect"
import type { ChatEvent, FinishReason } from "../domain/ChatEvent.ts"
import type { XRouterError } from "../domain/Errors.ts"
import type { Usage } from "../domain/Usage.ts"
import type { AnswerForm, AnswerHead, BodyWriter, FrameWriter } from "./AnswerForm.ts"
import { usageBody } from "./ChatChunks.ts"
import { errorFrame, type WireOptions } from "./ErrorResponse.ts"

/** `text_completion`, whole and in pieces. What a model thinks before it speaks has no place in it. */
export const completionsForm: AnswerForm = {
  idPrefix: "cmpl-",
  body: () => new WholeCompletion(),
  frames: (head, chat) => new CompletionChunks(head, chat.stream_options?.include_usage === true),
  dropped: identity
}

class WholeCompletion implements BodyWriter {
  private readonly choices = new Map<number, { text: string; reason: FinishReason | null }>()

  add(events: ReadonlyArray<ChatEvent>): void {
    for (const event of events) {
      if (event._tag === "TextDelta") this.choice(event.choice).text += event.text
      else if (event._tag === "ChoiceFinished") this.choice(event.choice).reason = event.reason
    }
  }

  body({ created, id, model }: AnswerHead, usage: Usage): string {
    const choices = [...this.choices]
      .sort(([a], [b]) => a - b)
      .map(([index, { reason, text }]) => ({ text, index, logprobs: null, finish_reason: reason }))
    return JSON.stringify({ id, object: "text_completion", created, model, choices, usage: usageBody(usage) })
  }

  private choice(index: number) {
    const existing = this.choices.get(index)
    if (existing !== undefined) return existing
    const made = { text: "", reason: null }
    this.choices.set(index, made)
    return made
  }
}

class CompletionChunks implements FrameWriter {
  private readonly open: string
  private readonly isUsageWanted: boolean

  constructor({ created, id, model }: AnswerHead, isUsageWanted: boolean) {
    this.open = `data: ${JSON.stringify({ id, object: "text_completion", created, model }).slice(0, -1)},`
    this.isUsageWanted = isUsageWanted
  }

  frames(events: ReadonlyArray<ChatEvent>): string {
    let text = ""
    for (const event of events) {
      if (event._tag === "TextDelta") text += this.chunk(event.choice, event.text, null)
      else if (event._tag === "ChoiceFinished") text += this.chunk(event.choice, "", event.reason)
    }
    return text
  }

  end(usage: Usage): string {
    const last = this.isUsageWanted ? `${this.open}"choices":[],"usage":${JSON.stringify(usageBody(usage))}}\n\n` : ""
    return `${last}data: [DONE]\n\n`
  }

  fail(error: XRouterError, options: WireOptions): string {
    return errorFrame(error, options)
  }

  private chunk(index: number, text: string, reason: FinishReason | null): string {
    const choices = JSON.stringify([{ text, index, logprobs: null, finish_reason: reason }])
    return `${this.open}"choices":${choices}${this.isUsageWanted ? ',"usage":null' : ""}}\n\n`
  }
}
