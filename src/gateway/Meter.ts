import type { ChatEvent, FinishReason } from "../domain/ChatEvent.ts"
import type { ChatRequest } from "../domain/ChatRequest.ts"
import { isJsonObject, type JsonObject } from "../domain/Json.ts"
import { estimatePrompt, estimateTokens } from "../domain/TokenEstimate.ts"
import type { Usage } from "../domain/Usage.ts"
import type { RequestContext } from "./RequestContext.ts"

/** Letters that a model has written in place of a text: a refusal, a call in OpenAI's older words. */
const saidElsewhere = ({ function_call: call, refusal }: JsonObject): number => {
  const args = isJsonObject(call) ? call["arguments"] : undefined
  return (typeof refusal === "string" ? refusal.length : 0) + (typeof args === "string" ? args.length : 0)
}

/** Listens to one answer: when it began, what it used. */
export class Meter {
  private readonly context: RequestContext
  private readonly chat: ChatRequest
  private readonly now: () => number
  private characters = 0
  private reported: Usage | undefined
  /** Of the first choice to come to its end. */
  finishReason: FinishReason | undefined

  constructor(context: RequestContext, chat: ChatRequest, now: () => number) {
    this.context = context
    this.chat = chat
    this.now = now
  }

  begin(): void {
    this.context.firstContentAt = this.now()
  }

  hear(events: ReadonlyArray<ChatEvent>): void {
    for (const event of events) {
      switch (event._tag) {
        case "TextDelta":
        case "ReasoningDelta":
          this.characters += event.text.length
          break
        case "ToolCallDelta":
          this.characters += event.arguments.length
          break
        case "ChoiceExtra":
          this.characters += saidElsewhere(event.delta)
          break
        case "ChoiceFinished":
          this.finishReason ??= event.reason
          break
        case "Finished":
          this.reported = event.usage
      }
    }
  }

  /** False once the answer's first content was there: from then on the provider has worked. */
  get isIdle(): boolean {
    return this.context.firstContentAt === undefined
  }

  get isEstimated(): boolean {
    return this.reported === undefined
  }

  /** The provider's own count, or an estimate of what has been asked and written so far. */
  get usage(): Usage {
    return this.reported ?? this.ownCount
  }

  /** The estimate, whatever the provider has counted. */
  get ownCount(): Usage {
    return {
      promptTokens: estimatePrompt(this.chat),
      completionTokens: estimateTokens(this.characters),
      cachedTokens: 0,
      reasoningTokens: 0
    }
  }
}
