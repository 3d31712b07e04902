import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { readExactObject } from "../ExactJson.ts"
import { elements, readJson } from "../JsonText.ts"

/**
 * The form in which a model without tools calls them: an answer that is one JSON object and nothing else,
 * `{"tool_calls":[{"name":…,"arguments":{…}}]}`, with what it says beside its calls as `content` in front of them.
 */

export interface WrittenCall {
  readonly name: string
  /** An object as it is written: its numbers stand as they stood. */
  readonly arguments: JsonObject
}

export interface CallAnswer {
  readonly content: string
  readonly calls: ReadonlyArray<WrittenCall>
}

/** The text of an answer that calls, or called. */
export const callText = ({ calls, content }: CallAnswer): string =>
  JSON.stringify({ ...(content === "" ? {} : { content }), tool_calls: calls })

/** An answer: words (undefined), calls, or what was to be calls and is at fault. */
export const readCallText = (text: string): CallAnswer | CallFault | undefined => {
  const reader = new CallTextReader()
  if (!reader.push(text)) return undefined
  const answer = readJson(text)
  if (!isJsonObject(answer)) return reader.isCall ? fault("the JSON is not complete, or none") : undefined
  if (!("tool_calls" in answer)) return undefined
  const { content, tool_calls: calls, ...others } = answer
  if (Object.keys(others).length > 0) return fault("it has other fields than tool_calls")
  if (content !== undefined && content !== null && typeof content !== "string") return fault("content must be a string")
  if (!Array.isArray(calls) || calls.length === 0) return fault("tool_calls must be a list of calls")
  const exact = elements(readExactObject(text)?.["tool_calls"])
  const written: Array<WrittenCall> = []
  for (const [index, call] of elements(calls).entries()) {
    const read = readCall(call, exact[index])
    if (read === undefined) return fault(`tool_calls[${index}] must be {"name":…,"arguments":{…}}`)
    written.push(read)
  }
  return { content: content ?? "", calls: written }
}

export interface CallFault {
  /** As a sentence about the answer. */
  readonly fault: string
}

const fault = (fault: string): CallFault => ({ fault })

const readCall = (call: Json, exact: Json | undefined): WrittenCall | undefined => {
  if (!isJsonObject(call)) return undefined
  const { arguments: given, name, ...others } = call
  const isWhole = typeof name === "string" && isJsonObject(given) && Object.keys(others).length === 0
  const args = isJsonObject(exact) ? exact["arguments"] : undefined
  return isWhole ? { name, arguments: isJsonObject(args) ? args : given } : undefined
}

/** How the text of a call begins, but for white space. */
const openings = ['{"tool_calls":[', '{"content":']

/** Tells, piece by piece, whether an answer may still be one that calls. */
export class CallTextReader {
  /** Until it is known how the text begins. */
  private head: string | undefined = ""
  /** The same without white space. */
  private begin = ""
  private opening: string | undefined
  private depth = 0
  private isString = false
  private isEscaped = false
  private isClosed = false
  private isText = false

  /** It begins as nothing else than a call does. */
  get isCall(): boolean {
    return this.opening === openings[0]
  }

  /** False from the letter on with which the answer is none that calls. */
  push(piece: string): boolean {
    if (this.isText) return false
    if (this.head === undefined) return this.body(piece)
    this.head += piece
    this.begin += piece.replace(/\s+/g, "")
    this.opening = openings.find((opening) => this.begin.startsWith(opening))
    if (this.opening === undefined) {
      this.isText = !openings.some((opening) => opening.startsWith(this.begin))
      return !this.isText
    }
    const text = this.head
    this.head = undefined
    return this.body(text)
  }

  private body(piece: string): boolean {
    for (const character of piece) {
      this.isText = this.isClosed && /\S/.test(character)
      if (this.isText) return false
      this.letter(character)
    }
    return true
  }

  private letter(character: string): void {
    if (this.isEscaped) this.isEscaped = false
    else if (this.isString) {
      if (character === "\\") this.isEscaped = true
      else if (character === '"') this.isString = false
    } else if (character === '"') this.isString = true
    else if (character === "{" || character === "[") this.depth++
    else if (character === "}" || character === "]") this.isClosed = --this.depth === 0
  }
}
