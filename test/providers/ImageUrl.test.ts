import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { imageTypeOf, mediaType } from "../../src/providers/Image.ts"
import { base64Size, decodeBase64, readImageUrl } from "../../src/providers/ImageUrl.ts"
import { beginnings, bmp, dataUrl, png } from "../support/Images.ts"

const read = (text: string) => Result.getOrUndefined(readImageUrl(text))
const fault = (text: string) => Result.getOrUndefined(Result.flip(readImageUrl(text)))

describe("a data: URL", () => {
  it.prop(
    "is read back to the type and the bytes that it was made of",
    [Schema.Uint8Array, Schema.Literals(["image/png", "image/jpeg"])],
    ([bytes, type]) => {
      const url = read(dataUrl(bytes, type))
      if (url?._tag !== "Data") return assert.fail("no data: URL")
      assert.strictEqual(url.type, type)
      assert.strictEqual(base64Size(url.base64), bytes.length)
      assert.deepStrictEqual(Buffer.from(decodeBase64(url.base64) ?? []), Buffer.from(bytes))
    }
  )

  it.each([
    ["data:image/png;base64,AA==", "image/png"],
    ["DATA:Image/PNG;BASE64,AA==", "image/png"],
    ["data:image/jpg;charset=utf-8;base64,AA==", "image/jpeg"],
    ["data:image/x-ms-bmp; base64,AA==", "image/bmp"],
    ["data:;base64,AA==", ""]
  ])("%s has the type %s", (url, type) => {
    assert.deepStrictEqual(read(url), { _tag: "Data", type, base64: "AA==" })
  })

  it.each([
    "data:",
    "data:image/png,AA==",
    "data:image/png;base64",
    "data:base64,AA==",
    `data:${"a".repeat(300)};base64,AA==`
  ])("%s is refused, and not quoted", (url) => {
    assert.strictEqual(fault(url), "Expected a data: URL of the form data:image/png;base64,…")
  })

  it("of another alphabet, or cut in a letter, has no bytes", () => {
    for (const text of ["A", "AAAAA", "AA A", "AA\nAA", "%41%41", "AA=A", "AAA\u0000", "====", "Привет"]) {
      assert.isUndefined(decodeBase64(text), JSON.stringify(text))
    }
    for (const text of ["AA", "AA==", "AAA", "AAA=", "AAAA", "-_-_"]) {
      assert.isDefined(decodeBase64(text), text)
    }
  })
})

describe("an address", () => {
  it("is one where it is a URL, and is judged elsewhere", () => {
    for (const text of ["https://example.com/dot.png", "http://127.0.0.1", "file:///etc/passwd"]) {
      const url = read(text)
      assert.strictEqual(url?._tag === "Address" ? url.url.href : undefined, new URL(text).href)
    }
    for (const text of ["", "dot.png", "//example.com/dot.png", "https://"]) {
      assert.strictEqual(fault(text), "Expected a data: URL or an https address", text)
    }
  })
})

describe("an image", () => {
  const samples = [["image/png", png()], ["image/bmp", bmp()], ...Object.entries(beginnings)] as const

  it.each(samples)("tells by its first bytes that it is %s, and nothing less than those tells it", (type, bytes) => {
    assert.strictEqual(imageTypeOf(bytes), type)
    assert.isUndefined(imageTypeOf(bytes.subarray(0, 2)))
  })

  it.each(["<svg xmlns=", "<html>", "%PDF-1.7", "BMW and other cars", "RIFF\u0024\0\0\0WAVE", "", "GIF", "MMXX"])(
    "is not %s",
    (text) => {
      assert.isUndefined(imageTypeOf(Buffer.from(text, "latin1")))
    }
  )

  it("has its type under any of its names", () => {
    for (const [written, name] of [
      ["image/JPG", "image/jpeg"],
      [" image/png ; q=1", "image/png"],
      ["image/x-png", "image/png"],
      ["image/tif", "image/tiff"],
      ["text/html; charset=utf-8", "text/html"],
      ["", ""]
    ] as const) {
      assert.strictEqual(mediaType(written), name)
    }
  })
})
