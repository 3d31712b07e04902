import type { ChatEvent, TextDelta } from "../domain/ChatEvent.ts"

/**
 * Whether these letters may stand in a JSON string as they are; some control characters may too, and are read the longer way. A loop,
 * since a regular expression costs several times as much on texts as short as these.
 */
const isPlain = (text: string, begin: number, end: number): boolean => {
  for (let at = begin; at < end; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 || code === quote || code === backslash || (code >= 0x7f && code < 0xa0)) return false
  }
  return begin < end
}

const quote = 0x22
const backslash = 0x5c

/** Before the text, in the two ways in which those who serve models write JSON. */
const openings = ['"content":"', '"content": "']

/**
 * The frames of a stream differ in little but the text. Once one has been read whole, others need not be that are the same around their
 * text: a JSON text between the same beginning and the same end, without a quote or an escape in it, says the same of another text. Reading
 * each frame anew was the dearest step of a long stream.
 */
export class TextTemplate {
  private readonly before: string
  private readonly after: string
  private readonly choice: number

  private constructor(before: string, after: string, choice: number) {
    this.before = before
    this.after = after
    this.choice = choice
  }

  /** From a frame and what it told; undefined where that was more, or less, than one plain text in the one place for it. */
  static of(frame: string, told: ReadonlyArray<ChatEvent>): TextTemplate | undefined {
    const [event] = told
    if (told.length !== 1 || event?._tag !== "TextDelta" || event.extra !== undefined) return undefined
    const { choice, text } = event
    if (!isPlain(text, 0, text.length)) return undefined
    for (const opening of openings) {
      const quoted = `${opening}${text}"`
      const at = frame.indexOf(quoted)
      if (at === -1) continue
      if (frame.includes(quoted, at + 1)) return undefined
      const begin = at + opening.length
      return new TextTemplate(frame.slice(0, begin), frame.slice(begin + text.length), choice)
    }
    return undefined
  }

  /** What the frame tells, where it is like the one before. */
  read(frame: string): TextDelta | undefined {
    const { after, before, choice } = this
    const begin = before.length
    const end = frame.length - after.length
    // Compared in one piece: `startsWith` goes letter by letter.
    if (end <= begin || frame.slice(0, begin) !== before || frame.slice(end) !== after) return undefined
    return isPlain(frame, begin, end) ? { _tag: "TextDelta", choice, text: frame.slice(begin, end) } : undefined
  }
}
