import type { ChatEvent } from "../domain/ChatEvent.ts"
import type { XRouterError } from "../domain/Errors.ts"
import type { JsonObject } from "../domain/Json.ts"
import type { Usage } from "../domain/Usage.ts"
import type { AnswerForm, AnswerHead, BodyWriter, FrameWriter } from "./AnswerForm.ts"
import { toWire, type WireOptions } from "./ErrorResponse.ts"
import { incompleteReason, ResponsesItems } from "./ResponsesItems.ts"
import { responsesName } from "./ResponsesRefusal.ts"
import type { ResponsesRequest, ResponsesTool } from "./ResponsesRequest.ts"

/** `response`, and the events that build it up. It tells the client's own request back, as OpenAI's does. */
export const responsesForm = (
  asked: ResponsesRequest,
  tools: ReadonlyArray<ResponsesTool>,
  dropped: ReadonlyArray<string>
): AnswerForm => {
  const echo: JsonObject = {
    instructions: asked.instructions ?? null,
    max_output_tokens: asked.max_output_tokens ?? null,
    metadata: asked.metadata ?? {},
    parallel_tool_calls: asked.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: asked.reasoning?.effort ?? null, summary: null },
    background: false,
    store: false,
    temperature: asked.temperature ?? null,
    text: { format: asked.text?.format ?? { type: "text" } },
    tool_choice: asked.tool_choice ?? "auto",
    tools,
    top_p: asked.top_p ?? null,
    truncation: "disabled",
    user: asked.user ?? null
  }
  return {
    idPrefix: "resp_",
    body: () => new WholeResponse(echo),
    frames: (head) => new ResponseEvents(head, echo),
    dropped: (byProvider) => [...dropped, ...byProvider.map(responsesName)]
  }
}

class WholeResponse implements BodyWriter {
  private readonly echo: JsonObject
  private readonly items = new ResponsesItems(() => {})

  constructor(echo: JsonObject) {
    this.echo = echo
  }

  add(events: ReadonlyArray<ChatEvent>): void {
    this.items.add(events)
  }

  body(head: AnswerHead, usage: Usage): string {
    return JSON.stringify(ended(head, this.echo, this.items, usage))
  }
}

class ResponseEvents implements FrameWriter {
  private readonly head: AnswerHead
  private readonly echo: JsonObject
  private readonly items: ResponsesItems
  private sequence = 0
  /** Written, and not yet given out. */
  private text = ""

  constructor(head: AnswerHead, echo: JsonObject) {
    this.head = head
    this.echo = echo
    this.items = new ResponsesItems((type, fields) => this.event(type, fields))
  }

  frames(events: ReadonlyArray<ChatEvent>): string {
    this.begin()
    this.items.add(events)
    return this.taken()
  }

  /** Without `[DONE]`: the last event is the end. */
  end(usage: Usage): string {
    const response = ended(this.head, this.echo, this.items, usage)
    this.event(`response.${response["status"] === "completed" ? "completed" : "incomplete"}`, { response })
    return this.taken()
  }

  /** Two events, as OpenAI sends them: `error`, which its SDK throws, and `response.failed`, which agents wait for. */
  fail(error: XRouterError, options: WireOptions): string {
    this.begin()
    this.items.breakOff()
    const wire = toWire(error, options).body.error
    const { code, message, param } = wire
    this.event("error", { code, message, param, error: wire })
    const response = {
      ...envelope(this.head, this.echo, "failed", this.items.output),
      error: { code: failureCode(error), message: error.message }
    }
    this.event("response.failed", { response })
    return this.taken()
  }

  private begin(): void {
    if (this.sequence > 0) return
    const response = envelope(this.head, this.echo, "in_progress", [])
    this.event("response.created", { response })
    this.event("response.in_progress", { response })
  }

  private event(type: string, fields: JsonObject): void {
    const data = JSON.stringify({ type, sequence_number: this.sequence++, ...fields })
    this.text += `event: ${type}\ndata: ${data}\n\n`
  }

  private taken(): string {
    const { text } = this
    this.text = ""
    return text
  }
}

const envelope = (
  head: AnswerHead,
  echo: JsonObject,
  status: string,
  output: ReadonlyArray<JsonObject>
): JsonObject => ({
  id: head.id,
  object: "response",
  created_at: head.created,
  status,
  error: null,
  incomplete_details: null,
  model: head.model,
  output,
  usage: null,
  ...echo
})

/** A response that has come to the end that the model gave it. */
const ended = (head: AnswerHead, echo: JsonObject, items: ResponsesItems, usage: Usage): JsonObject => {
  const reason = incompleteReason(items.reason)
  return {
    ...envelope(head, echo, reason === undefined ? "completed" : "incomplete", items.output),
    incomplete_details: reason === undefined ? null : { reason },
    usage: usageJson(usage)
  }
}

const usageJson = (usage: Usage): JsonObject => ({
  input_tokens: usage.promptTokens,
  input_tokens_details: { cached_tokens: usage.cachedTokens },
  output_tokens: usage.completionTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.promptTokens + usage.completionTokens
})

/** From the list of the Responses API, by which agents tell what is worth another try. */
const failureCode = (error: XRouterError): string => {
  switch (error._tag) {
    case "RateLimitError":
      return "rate_limit_exceeded"
    case "ValidationError":
      return error.reason === "context_length_exceeded" ? error.reason : "invalid_prompt"
    default:
      return "server_error"
  }
}
