import { Result } from "effect"
import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"

declare global {
  interface JSON {
    /** Text that `stringify` writes as it is (TC39, "JSON.parse source text access"; in V8 since 11.4). */
    rawJSON(text: string): object
  }
}

interface SourceParser {
  parse(text: string, reviver: (key: string, value: Json, context?: { readonly source?: string }) => unknown): Json
}

const parser: SourceParser = JSON

/**
 * An object whose numbers, once it is written back by `JSON.stringify`, stand as they stood: `1.0` stays `1.0`, and
 * an integer of 20 digits keeps them all. Undefined where the text is no JSON object.
 */
export const readExactObject = (text: string): JsonObject | undefined => {
  if (!text.trimStart().startsWith("{")) return undefined
  const read = Result.try(() =>
    parser.parse(text, (_key, value, context) => {
      const source = context?.source
      return typeof value === "number" && source !== undefined && String(value) !== source
        ? JSON.rawJSON(source)
        : value
    })
  )
  return Result.isSuccess(read) && isJsonObject(read.success) ? read.success : undefined
}
