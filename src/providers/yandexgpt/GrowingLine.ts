import { readJson } from "../JsonText.ts"

/** Before the text, in the two ways in which those who serve models write JSON. */
const openings = ['"text":"', '"text": "']
const key = '"text"'

const quote = 0x22
const backslash = 0x5c

/** Where a JSON string ends whose letters begin there; undefined where it has none. */
const endOf = (line: string, begin: number): number | undefined => {
  for (let at = begin; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === quote) return at
    if (code === backslash) at++
  }
  return undefined
}

/**
 * The same for letters that stand for themselves, each of them a whole one; undefined where there is any other: an escape, what JSON does
 * not allow, half of a pair, the mark of a letter that was cut.
 */
const plainEnd = (line: string, begin: number): number | undefined => {
  for (let at = begin; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === quote) return at
    if (code === backslash || code < 0x20 || (code >= 0xd800 && code < 0xe000) || code === 0xfffd) return undefined
  }
  return undefined
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** After the digits that begin there; there itself where none do. */
const afterDigits = (text: string, begin: number): number => {
  let at = begin
  while (isDigit(text.charCodeAt(at))) at++
  return at
}

const isZero = (text: string, begin: number, end: number): boolean => end === begin + 1 && text[begin] === "0"

/** Whether the two are the same but for their numbers. Zero is no count (a filtered answer has it), and like none but itself. */
const isAlike = (left: string, right: string): boolean => {
  let at = 0
  let other = 0
  while (at < left.length && other < right.length) {
    const code = left.charCodeAt(at)
    const otherCode = right.charCodeAt(other)
    if (isDigit(code) && isDigit(otherCode)) {
      const end = afterDigits(left, at)
      const otherEnd = afterDigits(right, other)
      if (isZero(left, at, end) !== isZero(right, other, otherEnd)) return false
      at = end
      other = otherEnd
    } else if (code === otherCode) {
      at++
      other++
    } else return false
  }
  return at === left.length && other === right.length
}

/**
 * The last line of a stream whose lines differ in little but the text, which grows, and its counts. One that is the same around its text
 * but for numbers, and whose text goes on where this one's ended, need not be read whole: only what is new of it is looked at. Reading
 * each anew was the dearest step of a stream.
 */
export class GrowingLine {
  /** Up to the end of the text. */
  private before: string
  /** From there on. */
  private after: string

  private constructor(before: string, after: string) {
    this.before = before
    this.after = after
  }

  /** From a line and the text that it told; undefined where that is not the one text in it. */
  static of(line: string, text: string): GrowingLine | undefined {
    const at = line.indexOf(key)
    if (at === -1 || line.includes(key, at + 1)) return undefined
    const opening = openings.find((each) => line.startsWith(each, at))
    if (opening === undefined) return undefined
    const end = endOf(line, at + opening.length)
    if (end === undefined || readJson(line.slice(at + opening.length - 1, end + 1)) !== text) return undefined
    return new GrowingLine(line.slice(0, end), line.slice(end))
  }

  /** What its text has more than the last one's, which it takes the place of; undefined where it is not like that. */
  read(line: string): string | undefined {
    const { after, before } = this
    const begin = before.length
    // In one piece: `startsWith` goes letter by letter.
    if (line.slice(0, begin) !== before) return undefined
    const end = plainEnd(line, begin)
    if (end === undefined) return undefined
    const rest = line.slice(end)
    if (rest !== after) {
      if (!isAlike(rest, after)) return undefined
      this.after = rest
    }
    this.before = line.slice(0, end)
    return line.slice(begin, end)
  }
}
