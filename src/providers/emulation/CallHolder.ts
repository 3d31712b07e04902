import type { ChatEvent } from "../../domain/ChatEvent.ts"
import { CallTextReader } from "./CallText.ts"

/** Holds an answer of one choice back as long as its text may be a call. Thoughts and what else is no text go on. */
export class CallHolder {
  private readonly text = new CallTextReader()
  private isLetGo = false
  private waiting: Array<ChatEvent> = []

  /** Text, and the end behind it, which nobody has got yet. */
  get held(): ReadonlyArray<ChatEvent> {
    return this.waiting
  }

  /** What goes on now. */
  read(event: ChatEvent): ReadonlyArray<ChatEvent> {
    if (this.isLetGo) return [event]
    switch (event._tag) {
      case "TextDelta":
        this.waiting.push(event)
        return this.text.push(event.text) ? [] : this.letGo()
      case "ToolCallDelta":
        this.waiting.push(event)
        return this.letGo()
      case "ChoiceFinished":
      case "Finished":
        if (this.waiting.length === 0) return [event]
        this.waiting.push(event)
        return []
      default:
        return [event]
    }
  }

  private letGo(): ReadonlyArray<ChatEvent> {
    const all = this.waiting
    this.isLetGo = true
    this.waiting = []
    return all
  }
}
