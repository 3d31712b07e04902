import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { XRouterError } from "../domain/Errors.ts"
import type { JsonObject } from "../domain/Json.ts"
import type { Usage } from "../domain/Usage.ts"
import type { AnswerHead, FrameWriter } from "./AnswerForm.ts"
import { errorFrame, type WireOptions } from "./ErrorResponse.ts"

export const usageBody = (usage: Usage): JsonObject => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.promptTokens + usage.completionTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedTokens },
  completion_tokens_details: { reasoning_tokens: usage.reasoningTokens }
})

/**
 * Events to the chunks of an OpenAI stream (`chat.completion.chunk`), as SSE frames. On the way of every token: a text delta
 * costs one `JSON.stringify` of its text and a few joins. With `include_usage` every chunk says `usage: null` but the last,
 * which has no choices (OpenAI, "stream_options").
 */
export class ChatChunks implements FrameWriter {
  private readonly open: string
  private readonly close: string
  private readonly isUsageWanted: boolean
  private readonly begun = new Set<number>()
  private extra = ""
  /** Of the last text delta: up to its text. Most streams have one choice, and so one such beginning. */
  private textOpen = ""
  private textChoice: number | undefined
  private readonly textClose: string

  constructor(head: AnswerHead, isUsageWanted: boolean) {
    this.open = `data: {"id":${JSON.stringify(head.id)},"object":"chat.completion.chunk","created":${head.created},"model":${JSON.stringify(head.model)},`
    this.close = isUsageWanted ? ',"usage":null}\n\n' : "}\n\n"
    this.textClose = `},"finish_reason":null}]${this.close}`
    this.isUsageWanted = isUsageWanted
  }

  /** The frames of some events, in order; empty where they say nothing to the client. */
  frames(events: ReadonlyArray<ChatEvent>): string {
    let text = ""
    for (const event of events) text += this.frame(event)
    return text
  }

  /** The end of a whole answer. The usage may be an estimate, where the provider told none. */
  end(usage: Usage): string {
    const last = this.isUsageWanted
      ? `${this.open}${this.extra}"choices":[],"usage":${JSON.stringify(usageBody(usage))}}\n\n`
      : ""
    return `${last}data: [DONE]\n\n`
  }

  fail(error: XRouterError, options: WireOptions): string {
    return errorFrame(error, options)
  }

  private frame(event: ChatEvent): string {
    switch (event._tag) {
      case "Started":
        if (event.extra !== undefined) this.extra = before(event.extra)
        this.textChoice = undefined
        return ""
      case "TextDelta":
        if (event.extra === undefined) return this.text(event.choice, event.text)
        return this.chunk(event.choice, `"content":${JSON.stringify(event.text)}`, "null", event.extra)
      case "ReasoningDelta":
        return this.chunk(event.choice, `"reasoning_content":${JSON.stringify(event.text)}`, "null")
      case "ToolCallDelta": {
        const { call, id, name } = event
        const [type, text] = event.isCustom === true ? ["custom", "input"] : ["function", "arguments"]
        const head = id === undefined ? "" : `"id":${JSON.stringify(id)},"type":"${type}",`
        const named = name === undefined ? "" : `"name":${JSON.stringify(name)},`
        const piece = `"${text}":${JSON.stringify(event.arguments)}`
        return this.chunk(event.choice, `"tool_calls":[{"index":${call},${head}"${type}":{${named}${piece}}}]`, "null")
      }
      case "ChoiceExtra":
        return this.chunk(event.choice, members(event.delta), "null")
      case "ChoiceFinished":
        return this.chunk(event.choice, "", `"${event.reason}"`)
      case "Finished":
        return ""
    }
  }

  private text(choice: number, text: string): string {
    let role = ""
    if (choice !== this.textChoice) {
      role = this.role(choice)
      this.textChoice = choice
      this.textOpen = `${this.open}${this.extra}"choices":[{"index":${choice},"delta":{"content":`
    }
    return role + this.textOpen + JSON.stringify(text) + this.textClose
  }

  private chunk(choice: number, delta: string, finish: string, extra?: JsonObject): string {
    const beside = extra === undefined ? "" : before(extra)
    return `${this.role(choice)}${this.open}${this.extra}"choices":[{"index":${choice},"delta":{${delta}},${beside}"finish_reason":${finish}}]${this.close}`
  }

  /** The first chunk of a choice names the role and holds no text, as OpenAI's does. */
  private role(choice: number): string {
    if (this.begun.has(choice)) return ""
    this.begun.add(choice)
    return `${this.open}${this.extra}"choices":[{"index":${choice},"delta":{"role":"assistant","content":""},"finish_reason":null}]${this.close}`
  }
}

/** An object's members, to be put among others; an empty object gives none. */
const members = (object: JsonObject): string => JSON.stringify(object).slice(1, -1)

/** The same, in front of others. */
const before = (object: JsonObject): string => {
  const text = members(object)
  return text === "" ? "" : `${text},`
}
