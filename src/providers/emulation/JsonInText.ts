import type { Json } from "../../domain/Json.ts"
import { readJson } from "../JsonText.ts"

export interface Found {
  /** As it is written: numbers and the order of keys are the model's. */
  readonly text: string
  readonly value: Json
}

/** Most places of a text at which JSON is looked for. */
const mostPlaces = 32

/**
 * The JSON values of an answer that was to be nothing but JSON, likeliest first: all of it, what stands between fences, and what
 * stands amid prose.
 */
export const jsonInText = (answer: string): ReadonlyArray<Found> => {
  const whole = read(answer)
  if (whole !== undefined) return [whole]
  const fenced = answer.matchAll(/```[^\n`]*\n([^]*?)```/g).take(mostPlaces)
  return [...fenced.map(([, inside = ""]) => read(inside)), ...amidProse(answer)].filter((found) => found !== undefined)
}

const read = (written: string): Found | undefined => {
  const text = written.replace(/^\uFEFF/, "").trim()
  const value = readJson(text)
  return value === undefined ? undefined : { text, value }
}

const amidProse = (answer: string): ReadonlyArray<Found> => {
  const found: Array<Found> = []
  const opening = /[{[]/g
  for (let places = 0; places < mostPlaces; places++) {
    const start = opening.exec(answer)?.index
    if (start === undefined) break
    const end = endOf(answer, start)
    if (end === undefined) break
    const json = read(answer.slice(start, end))
    if (json !== undefined) found.push(json)
    // Not into it, where it is broken: a part of an object may look like one.
    opening.lastIndex = end
  }
  return found
}

/** Behind the bracket that closes the one at `start`; undefined where none does. */
const endOf = (text: string, start: number): number | undefined => {
  let depth = 0
  let isString = false
  for (let at = start; at < text.length; at++) {
    const character = text[at]
    if (isString) {
      if (character === "\\") at++
      else if (character === '"') isString = false
    } else if (character === '"') isString = true
    else if (character === "{" || character === "[") depth++
    else if ((character === "}" || character === "]") && --depth === 0) return at + 1
  }
  return undefined
}
