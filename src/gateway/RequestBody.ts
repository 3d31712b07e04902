import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, Result } from "effect"
import type { HttpServerRequest } from "effect/http"
import { ValidationError } from "../domain/Errors.ts"
import { readBytes } from "./RequestBytes.ts"

/** Deeper nesting could be parsed and then not be written again: `JSON.stringify` recurses. */
const deepest = 64

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false })

/** The media type of a body that is JSON, or none: clients of many vendors forget it. */
export const checkMediaType = (contentType: string | undefined): ValidationError | undefined => {
  if (contentType === undefined || contentType === "application/json") return undefined
  const [type = "", ...parameters] = contentType.toLowerCase().split(";")
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="))
  const isUtf8 = charset === undefined || /^charset="?utf-?8"?$/.test(charset)
  if (type.trim() === "application/json" && isUtf8) return undefined
  return unsupportedMediaType
}

export const unsupportedMediaType = new ValidationError({
  reason: "unsupported_media_type",
  message: "The body must be application/json in UTF-8"
})

/**
 * The body as JSON text: of at most `limit` bytes, well-formed UTF-8 (a byte order mark is
 * skipped), not nested deeper than 64. Parsed once; what is sent on is written anew from the parsed value, so that no two
 * readings of one body can differ.
 */
export const readJson = (
  request: HttpServerRequest.HttpServerRequest,
  limit: number
): Effect.Effect<unknown, ValidationError> => {
  const { headers } = NodeHttpServerRequest.toIncomingMessage(request)
  const media = checkMediaType(headers["content-type"])
  if (media !== undefined) return Effect.fail(media)
  if (headers["content-encoding"] !== undefined && headers["content-encoding"] !== "identity") {
    return Effect.fail(
      new ValidationError({ reason: "unsupported_media_type", message: "A compressed body is not accepted" })
    )
  }
  return Effect.flatMap(readBytes(request, limit), (bytes) => Effect.fromResult(parse(bytes)))
}

export const parse = (bytes: Uint8Array): Result.Result<unknown, ValidationError> =>
  Result.flatMap(
    Result.try({
      try: () => decoder.decode(bytes),
      catch: () => new ValidationError({ reason: "invalid_json", message: "The body is not well-formed UTF-8" })
    }),
    (text) =>
      isTooDeep(bytes)
        ? Result.fail(
            new ValidationError({ reason: "invalid_json", message: `The body is nested deeper than ${deepest} levels` })
          )
        : Result.try({
            try: (): unknown => JSON.parse(text),
            catch: () => new ValidationError({ reason: "invalid_json", message: "The body is not valid JSON" })
          })
  )

const quote = 0x22
const backslash = 0x5c
const openings = [0x5b, 0x7b]

/** Most bodies have fewer brackets in all than may stand in one another, and a search for them reads a long text quickly. */
const isTooDeep = (bytes: Uint8Array): boolean => {
  let brackets = 0
  for (const opening of openings) {
    for (let at = bytes.indexOf(opening); at !== -1; at = bytes.indexOf(opening, at + 1)) {
      if (++brackets > deepest) return nestsTooDeep(bytes)
    }
  }
  return false
}

/** One pass over the bytes, before the parser sees them; brackets in strings do not count. */
const nestsTooDeep = (bytes: Uint8Array): boolean => {
  let depth = 0
  let isInString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (isInString) {
      if (byte === backslash) i++
      else if (byte === quote) isInString = false
      continue
    }
    switch (byte) {
      case quote:
        isInString = true
        break
      case 0x5b:
      case 0x7b:
        if (++depth > deepest) return true
        break
      case 0x5d:
      case 0x7d:
        depth--
    }
  }
  return false
}
