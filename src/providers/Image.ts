export type ImageType = "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/bmp" | "image/tiff"

export interface Image {
  readonly type: ImageType
  readonly bytes: Uint8Array
}

const ascii = (text: string): ReadonlyArray<number> => [...Buffer.from(text, "latin1")]

/** Each with its first bytes; undefined is any byte. */
const signatures: ReadonlyArray<readonly [ImageType, ReadonlyArray<number | undefined>]> = [
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/png", [0x89, ...ascii("PNG\r\n"), 0x1a, 0x0a]],
  ["image/gif", ascii("GIF87a")],
  ["image/gif", ascii("GIF89a")],
  ["image/webp", [...ascii("RIFF"), undefined, undefined, undefined, undefined, ...ascii("WEBP")]],
  // Two letters alone would take many a text for one: behind them are the file's size and four bytes that are always 0.
  ["image/bmp", [...ascii("BM"), undefined, undefined, undefined, undefined, 0, 0, 0, 0]],
  ["image/tiff", [...ascii("II*"), 0]],
  ["image/tiff", [...ascii("MM"), 0, ...ascii("*")]]
]

/** What an image is by its first bytes, whatever it is called. Undefined where it is none of these kinds. */
export const imageTypeOf = (bytes: Uint8Array): ImageType | undefined =>
  signatures.find(([, signature]) =>
    signature.every((byte, index) => (byte === undefined ? index < bytes.length : byte === bytes[index]))
  )?.[0]

const otherNames: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "image/x-png": "image/png",
  "image/x-ms-bmp": "image/bmp",
  "image/tif": "image/tiff"
}

/** A media type without its parameters, by the name that is registered for it. */
export const mediaType = (written: string): string => {
  const [name = ""] = written.split(";", 1)
  const type = name.trim().toLowerCase()
  return otherNames[type] ?? type
}
