import { Result } from "effect"
import { mediaType } from "./Image.ts"

/** Where the image of a message is: in the URL itself, or at an address. */
export type ImageUrl =
  | {
      readonly _tag: "Data"
      /** As it is declared. */
      readonly type: string
      readonly base64: string
    }
  | { readonly _tag: "Address"; readonly url: URL }

/** Fails with what is wrong, in words for the caller; never with the URL, which may be millions of letters of an image. */
export const readImageUrl = (text: string): Result.Result<ImageUrl, string> => {
  if (/^data:/i.test(text)) return readDataUrl(text)
  const url = URL.parse(text)
  return url === null
    ? Result.fail("Expected a data: URL or an https address")
    : Result.succeed({ _tag: "Address", url })
}

/** Most letters of what stands before the comma. */
const longestHead = 256

/** `data:image/png;base64,…` (RFC 2397); images that are percent-encoded instead are nobody's practice. */
const readDataUrl = (text: string): Result.Result<ImageUrl, string> => {
  const comma = text.slice(0, longestHead).indexOf(",")
  const head = text.slice("data:".length, comma)
  return comma === -1 || !/;\s*base64$/i.test(head)
    ? Result.fail("Expected a data: URL of the form data:image/png;base64,…")
    : Result.succeed({ _tag: "Data", type: mediaType(head), base64: text.slice(comma + 1) })
}

/** How many bytes a text of base64 stands for, without decoding it. */
export const base64Size = (text: string): number => Math.floor((lettersOf(text) * 3) / 4)

/** Without the padding. */
const lettersOf = (text: string): number => text.length - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0)

/** The bytes; undefined where anything in the text is no base64, which Node passes over. */
export const decodeBase64 = (text: string): Uint8Array | undefined => {
  if (lettersOf(text) % 4 === 1) return undefined
  const bytes = Buffer.from(text, "base64")
  return bytes.length === base64Size(text) ? bytes : undefined
}
