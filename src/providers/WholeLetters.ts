import type { ChatEvent } from "../domain/ChatEvent.ts"

/**
 * Upstreams cut their deltas anywhere, also between the two halves of a letter that UTF-16 writes as a surrogate pair (emoji). Halves
 * that are escaped in JSON are joined by a client whose strings are UTF-16; any other is left with two broken letters. So a half waits
 * here for the rest of its letter.
 */
export class WholeLetters {
  /** By choice, kind of text and call; made when there is the first. */
  private halves: Map<string, Piece> | undefined

  /** Adds the event, with whole letters, to those that are told. On the way of every token: most cost one look at a character. */
  tell(event: ChatEvent, told: Array<ChatEvent>): void {
    switch (event._tag) {
      case "TextDelta":
      case "ReasoningDelta":
      case "ToolCallDelta":
        if (this.halves === undefined && !isFirstHalf(textOf(event))) told.push(event)
        else this.join(event, told)
        return
      case "ChoiceFinished":
        if (this.halves !== undefined) this.settle(event.choice, told)
    }
    told.push(event)
  }

  private join(event: Piece, told: Array<ChatEvent>): void {
    this.halves ??= new Map()
    const key = keyOf(event)
    const half = this.halves.get(key)
    const joined = half === undefined ? textOf(event) : textOf(half) + textOf(event)
    if (!isFirstHalf(joined)) {
      this.halves.delete(key)
      if (joined !== "" || hasMore(event)) told.push(withText(event, joined))
      return
    }
    this.halves.set(key, halfOf(event, joined.slice(-1)))
    const text = joined.slice(0, -1)
    if (text !== "" || hasMore(event)) told.push(withText(event, text))
  }

  /** The rest of a letter that never came: the mark of a broken letter stands for it. */
  private settle(choice: number, told: Array<ChatEvent>): void {
    for (const [key, half] of this.halves ?? []) {
      if (half.choice !== choice) continue
      this.halves?.delete(key)
      told.push(withText(half, "\ufffd"))
    }
  }
}

type Piece = Extract<ChatEvent, { readonly _tag: "TextDelta" | "ReasoningDelta" | "ToolCallDelta" }>

const textOf = (event: Piece): string => (event._tag === "ToolCallDelta" ? event.arguments : event.text)

const withText = (event: Piece, text: string): Piece =>
  event._tag === "ToolCallDelta" ? { ...event, arguments: text } : { ...event, text }

/** What waits, without what has been told beside it. */
const halfOf = (event: Piece, text: string): Piece => {
  const { _tag, choice } = event
  if (_tag !== "ToolCallDelta") return { _tag, choice, text }
  const { call, isCustom } = event
  return { _tag, choice, call, ...(isCustom === true ? { isCustom } : {}), arguments: text }
}

/** Something to be told now, whatever its text is. */
const hasMore = (event: Piece): boolean =>
  event._tag === "ToolCallDelta" ? event.id !== undefined : event._tag === "TextDelta" && event.extra !== undefined

const keyOf = (event: Piece): string =>
  `${event._tag} ${event.choice} ${event._tag === "ToolCallDelta" ? event.call : ""}`

const isFirstHalf = (text: string): boolean => {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff
}
