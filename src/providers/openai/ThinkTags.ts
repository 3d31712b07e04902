const open = "<think>"
const close = "</think>"
/** Most white space before the first tag. A model that gives nothing else is not listened to for ever. */
const longestLead = 256

export interface Parted {
  readonly thought: string
  readonly text: string
}

/**
 * The thoughts that a server without a parser for them leaves in the text: open models begin an answer with `<think>` where they
 * think, and nowhere else does the tag mean anything. Holds back no more than what may be a part of a tag.
 */
export class ThinkTags {
  private state: "before" | "thinking" | "after" | "speaking" = "before"
  private held = ""

  read(piece: string): Parted {
    if (this.state === "speaking") return { thought: "", text: piece }
    this.held += piece
    if (this.state === "before") {
      const begun = this.held.trimStart()
      const isLate = this.held.length - begun.length > longestLead
      if (!isLate && begun.length < open.length && open.startsWith(begun)) return nothing
      if (isLate || !begun.startsWith(open)) return this.speak()
      this.state = "thinking"
      this.held = begun.slice(open.length)
    }
    return this.state === "thinking" ? this.think() : this.speakAfter("")
  }

  /** What is still held when the answer ends. */
  end(): Parted {
    const { held, state } = this
    this.held = ""
    return state === "thinking" ? { thought: held, text: "" } : { thought: "", text: state === "before" ? held : "" }
  }

  private think(): Parted {
    const at = this.held.indexOf(close)
    if (at === -1) {
      const kept = partialClose(this.held)
      const thought = this.held.slice(0, this.held.length - kept)
      this.held = this.held.slice(thought.length)
      return { thought, text: "" }
    }
    const thought = this.held.slice(0, at)
    this.held = this.held.slice(at + close.length)
    this.state = "after"
    return this.speakAfter(thought)
  }

  /** The empty lines between the thoughts and the text belong to neither. */
  private speakAfter(thought: string): Parted {
    this.held = this.held.trimStart()
    return this.held === "" ? { thought, text: "" } : { thought, text: this.speak().text }
  }

  private speak(): Parted {
    const text = this.held
    this.state = "speaking"
    this.held = ""
    return { thought: "", text }
  }
}

const nothing: Parted = { thought: "", text: "" }

/** How many letters at the end may be the beginning of the closing tag. */
const partialClose = (text: string): number => {
  for (let length = Math.min(close.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(close.slice(0, length))) return length
  }
  return 0
}
