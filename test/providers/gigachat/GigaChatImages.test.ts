import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { isJsonObject } from "../../../src/domain/Json.ts"
import { make } from "../../../src/providers/gigachat/GigaChatDialect.ts"
import { sees } from "../../../src/providers/gigachat/GigaChatImages.ts"
import { dataUrl, imagePart, png, textPart } from "../../support/Images.ts"
import { callOf } from "./gigaChatCall.ts"
import images from "./golden/images.json" with { type: "json" }

const withoutAddresses = make("gigachat")
const withAddresses = make("gigachat", () => Result.void)

const lower = (messages: ReadonlyArray<unknown>, dialect = withoutAddresses, model = "GigaChat-2-Max") =>
  dialect.lower(callOf({ messages }, model))

const refusal = (...[messages, dialect, model]: Parameters<typeof lower>) => {
  const result = lower(messages, dialect, model)
  return Result.isSuccess(result) ? assert.fail("it was lowered") : result.failure
}

const dot = imagePart(dataUrl(png()))
const user = (...content: ReadonlyArray<unknown>) => ({ role: "user", content })

/** The messages as they go out, their images called by their number. */
const messagesOf = (...messages: ReadonlyArray<unknown>): unknown => {
  const { body, uploads } = Result.getOrThrow(lower(messages))
  const whole = uploads?.body(uploads.images.map((_, index) => `file-${index + 1}`)) ?? body
  return isJsonObject(whole) ? JSON.parse(JSON.stringify(whole["messages"])) : undefined
}

describe("Images for GigaChat", () => {
  it("are lowered as a reader of the API would write them", () => {
    const { uploads } = Result.getOrThrow(lower(images.openai.messages, withAddresses))
    assert.deepStrictEqual(
      uploads?.images.map((image) => (image._tag === "Data" ? image.type : image.url.href)),
      images.uploaded
    )
    const body = uploads?.body(["file-1", "file-2", "file-3", "file-4"])
    assert.deepStrictEqual(JSON.parse(JSON.stringify(body)), images.gigachat)
  })

  it("cost a request without any nothing", () => {
    assert.isUndefined(Result.getOrThrow(lower([user(textPart("Привет"))])).uploads)
  })

  it.prop(
    "lose neither a text nor an image, nor their order, and no message has two",
    [Schema.NonEmptyArray(Schema.Literals(["text", "image"])).check(Schema.isMaxLength(10))],
    ([kinds]) => {
      const parts = kinds.map((kind, index) => (kind === "text" ? textPart(`t${index}`) : dot))
      const lowered = messagesOf(user(...parts))
      const said: ReadonlyArray<{ readonly content: string; readonly attachments?: ReadonlyArray<string> }> =
        Array.isArray(lowered) ? lowered : []
      const texts = said.flatMap(({ content }) => content.split("\n")).filter((text) => text !== "")
      assert.deepStrictEqual(
        texts,
        kinds.flatMap((kind, index) => (kind === "text" ? [`t${index}`] : []))
      )
      const ids = said.flatMap(({ attachments = [] }) => attachments)
      assert.deepStrictEqual(
        ids,
        kinds.filter((kind) => kind === "image").map((_, index) => `file-${index + 1}`)
      )
      assert.isTrue(said.every(({ attachments = [] }) => attachments.length <= 1))
    }
  )

  it("stay with the message of their own turn, behind a system message and calls", () => {
    const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } }
    assert.deepStrictEqual(
      messagesOf(
        user(dot),
        { role: "assistant", tool_calls: [call] },
        { role: "tool", tool_call_id: "c", content: "1" },
        { role: "user", content: "Дальше" },
        { role: "system", content: "Кратко" },
        user(textPart("А это?"), dot)
      ),
      [
        { role: "system", content: "Кратко" },
        { role: "user", content: "", attachments: ["file-1"] },
        { role: "assistant", content: "", function_call: { name: "f", arguments: {} } },
        { role: "function", name: "f", content: "1" },
        { role: "user", content: "Дальше\nА это?", attachments: ["file-2"] }
      ]
    )
  })

  it("are ten at most, of all messages together", () => {
    const six = Array.from({ length: 6 }, () => dot)
    const { message, param, reason } = refusal([user(...six), { role: "assistant", content: "…" }, user(...six)])
    assert.deepInclude({ param, reason }, { param: "messages[2].content[4].image_url.url", reason: "invalid_body" })
    assert.match(message, /10 images at most/)
  })

  it("are of 15 MB at most, which is found out without decoding them", () => {
    const { message, param, reason } = refusal([user(imagePart(`data:image/png;base64,${"A".repeat(20_000_004)}`))])
    assert.deepInclude({ param, reason }, { param: "messages[0].content[0].image_url.url", reason: "invalid_body" })
    assert.match(message, /15 MB at most/)
    assert.notMatch(refusal([user(imagePart(`data:image/png;base64,${"A".repeat(20_000_000)}`))]).message, /15 MB/)
  })

  it("are of the user, and of nobody else", () => {
    for (const role of ["system", "developer", "assistant"]) {
      const { param, reason } = refusal([{ role, content: [dot] }])
      assert.deepStrictEqual({ param, reason }, { param: "messages[0].content[0]", reason: "unsupported_parameter" })
    }
  })

  it("are seen by the -Pro and -Max models", () => {
    for (const model of [
      "GigaChat-2-Pro",
      "GigaChat-2-Max",
      "GigaChat-Pro-preview",
      "GigaChat-2-Max:2.0.28",
      "gigachat-max"
    ]) {
      assert.isTrue(sees(model), model)
    }
    for (const model of [
      "GigaChat",
      "GigaChat-2",
      "GigaChat-Plus",
      "GigaChat-2-Lite",
      "GigaChat-3-Ultra",
      "GigaChat-Maximal"
    ]) {
      assert.isFalse(sees(model), model)
      const { message, param, reason } = refusal([user(textPart("?"), dot)], withAddresses, model)
      assert.deepStrictEqual({ param, reason }, { param: "messages[0].content[1]", reason: "unsupported_parameter" })
      assert.include(message, model)
    }
  })

  it("at addresses are refused where they are not fetched, with what would let them in", () => {
    const { message, param, reason } = refusal([user(imagePart("https://example.com/dot.png"))])
    assert.deepInclude(
      { param, reason },
      { param: "messages[0].content[0].image_url.url", reason: "unsupported_parameter" }
    )
    assert.match(message, /XROUTER_IMAGE_URLS/)
    assert.match(refusal([user(imagePart("http://example.com/dot.png"))]).message, /https address/)
  })

  it("are refused without being quoted", () => {
    const secret = "c2VjcmV0LXBpY3R1cmU"
    for (const url of [
      `data:image/png;base64,${secret}`,
      `data:image/webp;base64,${secret}`,
      `data:image/png,${secret}`,
      secret
    ]) {
      assert.notInclude(refusal([user(imagePart(url))]).message, secret)
    }
    const { param, reason } = refusal([user({ type: "image_url" })])
    assert.deepStrictEqual({ param, reason }, { param: "messages[0].content[0].image_url.url", reason: "invalid_body" })
  })
})
