import type { ChatEvent } from "../domain/ChatEvent.ts"

/**
 * Upstreams cut their deltas anywhere, also between the two halves of a letter that UTF-16 writes as a surrogate pair (emoji). Halves
 * that are escaped in JSON are joined by a client whose strings are UTF-16; any other is left with two broken letters. So a half waits
 * here for the rest of its letter.
 */
export class WholeLetters {
  /** By choice and kind of text; made when there is the first. */
  private halves: Map<string, string> | undefined

  /** Adds the event, with whole letters, to those that are told. On the way of every token: most cost one look at a character. */
  tell(event: ChatEvent, told: Array<ChatEvent>): void {
    if (event._tag === "TextDelta" || event._tag === "ReasoningDelta") {
      if (this.halves === undefined && !isFirstHalf(event.text)) told.push(event)
      else this.join(event, told)
      return
    }
    if (this.halves !== undefined && event._tag === "ChoiceFinished") this.settle(event.choice, told)
    told.push(event)
  }

  private join(event: TextEvent, told: Array<ChatEvent>): void {
    this.halves ??= new Map()
    const key = keyOf(event._tag, event.choice)
    const joined = (this.halves.get(key) ?? "") + event.text
    if (isFirstHalf(joined)) this.halves.set(key, joined.slice(-1))
    else this.halves.delete(key)
    const text = isFirstHalf(joined) ? joined.slice(0, -1) : joined
    if (text !== "" || (event._tag === "TextDelta" && event.extra !== undefined)) told.push({ ...event, text })
  }

  /** The rest of a letter that never came: the mark of a broken letter stands for it. */
  private settle(choice: number, told: Array<ChatEvent>): void {
    for (const _tag of ["ReasoningDelta", "TextDelta"] as const) {
      if (this.halves?.delete(keyOf(_tag, choice)) === true) told.push({ _tag, choice, text: "\ufffd" })
    }
  }
}

type TextEvent = Extract<ChatEvent, { readonly _tag: "TextDelta" | "ReasoningDelta" }>

const keyOf = (tag: TextEvent["_tag"], choice: number): string => `${tag} ${choice}`

const isFirstHalf = (text: string): boolean => {
  const last = text.charCodeAt(text.length - 1)
  return last >= 0xd800 && last <= 0xdbff
}
