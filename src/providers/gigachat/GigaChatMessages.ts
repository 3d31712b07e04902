import { Result } from "effect"
import type { ChatRequest, ContentPart, Message, ToolCall } from "../../domain/ChatRequest.ts"
import { ValidationError } from "../../domain/Errors.ts"
import type { WantedImage } from "../Dialect.ts"
import { contentText, partText } from "../MessageText.ts"
import { type Carrier, unsupported } from "../Parameters.ts"
import type { FunctionNames } from "./FunctionNames.ts"
import { argumentsObject, resultText, stateIdOf } from "./GigaChatCalls.ts"
import type { ImageReader } from "./GigaChatImages.ts"
import type { GigaChatMessage } from "./GigaChatWire.ts"

type Messages = ChatRequest["messages"]
type Step = Result.Result<void, ValidationError>

export interface LoweredMessages {
  readonly messages: ReadonlyArray<GigaChatMessage>
  /** Undefined where there are no images. */
  readonly images: ReadonlyArray<WantedImage> | undefined
  /** The messages with their images by the ids that GigaChat gave them. */
  readonly attached: (ids: ReadonlyArray<string>) => ReadonlyArray<GigaChatMessage>
}

/**
 * A conversation as GigaChat v1 takes it: one system message and that first, roles by turns, one call a message and
 * its result right after. What the caller said as `system` or `developer` later on is moved to the front: as a user's
 * words it would lose its authority.
 */
export const lowerMessages = (
  carrier: Carrier,
  messages: Messages,
  names: FunctionNames,
  readImage: ImageReader
): Result.Result<LoweredMessages, ValidationError> => {
  const conversation = new Conversation(carrier, messages, names, readImage)
  for (const [index, message] of messages.entries()) {
    const told = conversation.tell(message, index)
    if (Result.isFailure(told)) return Result.fail(told.failure)
  }
  return Result.succeed(conversation.lowered)
}

class Conversation {
  private readonly instructions: Array<string> = []
  private readonly turns: Array<GigaChatMessage> = []
  /** Places of the results that stand beside their calls already. */
  private readonly answered = new Set<number>()
  private readonly carrier: Carrier
  private readonly messages: Messages
  private readonly names: FunctionNames
  private readonly readImage: ImageReader
  /** By the place of the turn that they belong to, in order. */
  private readonly images = new Map<number, WantedImage>()

  constructor(carrier: Carrier, messages: Messages, names: FunctionNames, readImage: ImageReader) {
    this.carrier = carrier
    this.messages = messages
    this.names = names
    this.readImage = readImage
  }

  get lowered(): LoweredMessages {
    const { images, turns } = this
    const places = [...images.keys()]
    return {
      messages: this.instructed(turns),
      images: images.size === 0 ? undefined : [...images.values()],
      attached: (ids) =>
        this.instructed(
          turns.map((turn, index) => {
            const id = ids[places.indexOf(index)]
            return id === undefined ? turn : { ...turn, attachments: [id] }
          })
        )
    }
  }

  private instructed(turns: ReadonlyArray<GigaChatMessage>): ReadonlyArray<GigaChatMessage> {
    return this.instructions.length === 0
      ? turns
      : [{ role: "system", content: this.instructions.join("\n\n") }, ...turns]
  }

  tell(message: Message, index: number): Step {
    if (message.role === "tool") return this.answered.has(index) ? Result.void : this.strayResult(index)
    const path = `messages[${index}].content`
    if (message.role === "user" && hasImages(message.content)) return this.show(message.content, path)
    const text = contentText(this.carrier, message.content, path)
    if (Result.isFailure(text)) return Result.fail(text.failure)
    switch (message.role) {
      case "user":
        this.say("user", text.success)
        return Result.void
      case "function":
        this.result(message.name, text.success)
        return Result.void
      case "assistant": {
        const { function_call: call, tool_calls: calls } = message
        if (calls && calls.length > 0) return this.calls(text.success, calls, index)
        if (call) return this.call(text.success, call, `messages[${index}].function_call`)
        this.say("assistant", text.success)
        return Result.void
      }
      default:
        if (text.success !== "") this.instructions.push(text.success)
        return Result.void
    }
  }

  /** Two messages of one role in a row are one message of two lines: some models' templates insist on turns. */
  private say(role: "user" | "assistant", content: string, image?: WantedImage): void {
    const place = this.turns.length - 1
    const last = this.turns[place]
    const isApart = last?.role !== role || last.function_call !== undefined
    if (isApart || (image !== undefined && this.images.has(place))) this.turns.push({ role, content })
    else this.turns[place] = { role, content: joined(last.content, content) }
    if (image !== undefined) this.images.set(this.turns.length - 1, image)
  }

  /** A message of GigaChat has one image at most: each goes with the text before it, the last one with the text behind it too. */
  private show(parts: ReadonlyArray<ContentPart>, path: string): Step {
    let lines: Array<string> = []
    for (const [index, part] of parts.entries()) {
      const place = `${path}[${index}]`
      if (part.type === "image_url") {
        const image = this.readImage(part, place, this.images.size)
        if (Result.isFailure(image)) return Result.fail(image.failure)
        this.say("user", lines.join("\n"), image.success)
        lines = []
      } else {
        const text = partText(this.carrier, part, place)
        if (Result.isFailure(text)) return Result.fail(text.failure)
        lines.push(text.success)
      }
    }
    if (lines.length > 0) this.say("user", lines.join("\n"))
    return Result.void
  }

  /** GigaChat makes one call at a time: calls made at once are told one after another, each with its result. */
  private calls(text: string, calls: ReadonlyArray<ToolCall>, index: number): Step {
    const results = this.resultsAfter(index)
    for (const [position, { id, function: body, type }] of calls.entries()) {
      const path = `messages[${index}].tool_calls[${position}]`
      if (body === undefined || type !== "function") {
        return unsupported(this.carrier, `${path}.type`, "only functions can be called")
      }
      const called = this.call(position === 0 ? text : "", body, `${path}.function`, stateIdOf(id))
      if (Result.isFailure(called)) return called
      const place = results.findIndex((result) => result.id === id)
      const [result] = place === -1 ? [] : results.splice(place, 1)
      if (result === undefined)
        return this.invalid(`${path}.id`, "No message of role `tool` holds the result of this call")
      const content = contentText(this.carrier, result.content, `messages[${result.index}].content`)
      if (Result.isFailure(content)) return Result.fail(content.failure)
      this.answered.add(result.index)
      this.result(body.name, content.success)
    }
    return Result.void
  }

  /** The results that follow a message, as far as only instructions, which are moved away, stand between. */
  private resultsAfter(index: number) {
    const results: Array<{ readonly index: number; readonly id: string; readonly content: Message["content"] }> = []
    for (let at = index + 1; at < this.messages.length; at++) {
      const message = this.messages[at]
      if (message?.role === "tool") results.push({ index: at, id: message.tool_call_id, content: message.content })
      else if (message?.role !== "system" && message?.role !== "developer") break
    }
    return results
  }

  private call(
    text: string,
    { arguments: given, name }: { readonly name: string; readonly arguments: string },
    path: string,
    stateId?: string
  ): Step {
    const args = argumentsObject(given)
    if (args === undefined) return this.invalid(`${path}.arguments`, "Expected the text of a JSON object")
    const last = this.turns.at(-1)
    const isOpen = last?.role === "assistant" && last.function_call === undefined
    if (isOpen) this.turns.pop()
    this.turns.push({
      role: "assistant",
      content: isOpen ? joined(last.content, text) : text,
      function_call: { name: this.names.toGigaChat(name), arguments: args },
      ...(stateId === undefined ? {} : { functions_state_id: stateId })
    })
    return Result.void
  }

  private result(name: string, text: string): void {
    this.turns.push({ role: "function", name: this.names.toGigaChat(name), content: resultText(text) })
  }

  private strayResult(index: number): Step {
    return this.invalid(
      `messages[${index}].tool_call_id`,
      "No call of the assistant's message before has this id, or it has its result already"
    )
  }

  private invalid(param: string, message: string) {
    const { provider } = this.carrier
    return Result.fail(new ValidationError({ reason: "invalid_body", param, message, provider }))
  }
}

const hasImages = (content: Message["content"]): content is ReadonlyArray<ContentPart> =>
  Array.isArray(content) && content.some(({ type }) => type === "image_url")

const joined = (...texts: ReadonlyArray<string>): string => texts.filter((text) => text !== "").join("\n")
