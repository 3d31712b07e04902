import { crc32, deflateSync } from "node:zlib"

/** One dot, whole and sound (RFC 2083). `ballast` bytes ride along in a chunk that readers pass over. */
export const png = (ballast = 0): Uint8Array => {
  const chunk = (name: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(name, "latin1"), data])
    return Buffer.concat([uint32(data.length), body, uint32(crc32(body))])
  }
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", Buffer.from([0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0])),
    ...(ballast === 0 ? [] : [chunk("xrOu", Buffer.alloc(ballast, 7))]),
    chunk("IDAT", deflateSync(Buffer.from([0, 0x33, 0x66, 0x99]))),
    chunk("IEND", Buffer.alloc(0))
  ])
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** One dot as Windows has it: 14 bytes of the file, 40 of the image, 4 of colour. */
export const bmp = (): Uint8Array => {
  const bytes = Buffer.alloc(58)
  bytes.write("BM", "latin1")
  bytes.writeUInt32LE(58, 2)
  bytes.writeUInt32LE(54, 10)
  bytes.writeUInt32LE(40, 14)
  bytes.writeInt32LE(1, 18)
  bytes.writeInt32LE(1, 22)
  bytes.writeUInt16LE(1, 26)
  bytes.writeUInt16LE(24, 28)
  return bytes
}

/** Their beginnings, which are all that is looked at. */
export const beginnings = {
  "image/jpeg": Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0]),
  "image/gif": Buffer.from("GIF89a\u0001\0\u0001\0", "latin1"),
  "image/webp": Buffer.from("RIFF\u0024\0\0\0WEBPVP8 ", "latin1"),
  "image/tiff": Buffer.from("II*\0\u0008\0\0\0", "latin1")
} satisfies Readonly<Record<string, Uint8Array>>

export const dataUrl = (bytes: Uint8Array, type = "image/png"): string =>
  `data:${type};base64,${Buffer.from(bytes).toString("base64")}`

/** A part of a message. */
export const imagePart = (url: string) => ({ type: "image_url" as const, image_url: { url } })
export const textPart = (text: string) => ({ type: "text" as const, text })
