import type { ChatEvent } from "../../domain/ChatEvent.ts"

interface Choice {
  /** Text that may be the beginning of a stop. */
  held: string
  isOver: boolean
}

/**
 * Cuts each choice's text where a model that knows the stops would have ended it: before the stop that is complete first; of
 * those that are complete at the same letter, the longest. It holds back no more than may still become a stop, and that is
 * shorter than the longest one. Thoughts and tool calls are not searched, and no stop reaches over a call.
 *
 * The stops are well formed and not empty: so none begins or ends within a surrogate pair, and no cut does.
 */
export class StopCutter {
  private readonly stops: ReadonlyArray<string>
  private readonly longest: number
  private readonly expected: number
  private readonly choices = new Map<number, Choice>()
  private over = 0
  private hasCut = false
  private isFinished = false

  /** `expected` is the number of choices that the answer will have. */
  constructor(stops: ReadonlyArray<string>, expected: number) {
    this.stops = stops
    this.longest = Math.max(...stops.map((stop) => stop.length))
    this.expected = expected
  }

  /** True once the answer was ended here: nothing that the provider may still say is of any use. */
  get isLeft(): boolean {
    return this.hasCut && this.over === this.expected
  }

  /**
   * What of these events goes out. An answer that is ended here is finished here, without its usage unless that came along.
   */
  read(events: ReadonlyArray<ChatEvent>): ReadonlyArray<ChatEvent> {
    const told: Array<ChatEvent> = []
    for (const event of events) this.event(event, told)
    if (this.isLeft && !this.isFinished) {
      this.isFinished = true
      told.push({ _tag: "Finished" })
    }
    return told
  }

  private event(event: ChatEvent, told: Array<ChatEvent>): void {
    if (event._tag === "Finished") this.isFinished = true
    if (event._tag === "Finished" || event._tag === "Started") {
      told.push(event)
      return
    }
    const choice = this.choice(event.choice)
    if (choice.isOver) return
    switch (event._tag) {
      case "TextDelta": {
        const text = choice.held + event.text
        const end = this.cut(text)
        const length = end ?? text.length - this.doubtful(text)
        choice.held = end === undefined ? text.slice(length) : ""
        if (length > 0 || event.extra !== undefined) told.push({ ...event, text: text.slice(0, length) })
        if (end === undefined) return
        this.hasCut = true
        this.close(choice)
        told.push({ _tag: "ChoiceFinished", choice: event.choice, reason: "stop" })
        return
      }
      case "ToolCallDelta":
        this.release(event.choice, choice, told)
        break
      case "ChoiceFinished":
        this.release(event.choice, choice, told)
        this.close(choice)
    }
    told.push(event)
  }

  /** Where the text ends, if a stop is in it. */
  private cut(text: string): number | undefined {
    let start: number | undefined
    let end = Infinity
    for (const stop of this.stops) {
      const at = text.indexOf(stop)
      if (at === -1 || at + stop.length > end) continue
      start = at + stop.length < end ? at : Math.min(at, start ?? at)
      end = at + stop.length
    }
    return start
  }

  /** The length of the longest ending of the text with which a stop may begin. */
  private doubtful(text: string): number {
    for (let length = Math.min(this.longest - 1, text.length); length > 0; length--) {
      const ending = text.slice(-length)
      if (this.stops.some((stop) => stop.length > length && stop.startsWith(ending))) return length
    }
    return 0
  }

  private release(index: number, choice: Choice, told: Array<ChatEvent>): void {
    if (choice.held === "") return
    told.push({ _tag: "TextDelta", choice: index, text: choice.held })
    choice.held = ""
  }

  private close(choice: Choice): void {
    choice.isOver = true
    this.over++
  }

  private choice(index: number): Choice {
    const known = this.choices.get(index)
    if (known !== undefined) return known
    const made: Choice = { held: "", isOver: false }
    this.choices.set(index, made)
    return made
  }
}
