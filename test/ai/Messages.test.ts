import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { Prompt } from "effect/ai"
import { messagesOf } from "../../src/ai/Messages.ts"

const lowered = (input: Prompt.RawInput) => Result.getOrThrow(messagesOf(Prompt.make(input)))

const refusal = (input: Prompt.RawInput) => {
  const result = messagesOf(Prompt.make(input))
  return Result.isFailure(result) ? result.failure.message : assert.fail("it was not refused")
}

const picture = new Uint8Array([1, 2, 3])

describe("a prompt's messages", () => {
  it("keep their roles, and a text alone is told as text", () => {
    assert.deepStrictEqual(
      lowered([
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hello" },
        { role: "assistant", content: [{ type: "text", text: "Hi" }] }
      ]),
      [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hello" },
        { role: "assistant", content: "Hi" }
      ]
    )
    assert.deepStrictEqual(lowered("Hello"), [{ role: "user", content: "Hello" }])
  })

  it("carry pictures as data, or by their address", () => {
    const url = new URL("https://pictures.example/cat.png")
    assert.deepStrictEqual(
      lowered([
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "file", mediaType: "image/png", data: picture },
            { type: "file", mediaType: "image/png", data: "AQID" },
            { type: "file", mediaType: "image/*", data: picture },
            { type: "file", mediaType: "image/png", data: "data:image/png;base64,AQID" },
            { type: "file", mediaType: "image/*", data: url, options: { xrouter: { detail: "low" } } }
          ]
        }
      ]),
      [
        {
          role: "user",
          content: [
            { type: "text", text: "What is this?" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
            { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
            { type: "image_url", image_url: { url: "data:image/jpeg;base64,AQID" } },
            { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
            { type: "image_url", image_url: { url: url.href, detail: "low" } }
          ]
        }
      ]
    )
  })

  it("carry calls and their results, a failed one among them", () => {
    assert.deepStrictEqual(
      lowered([
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "A tool knows." },
            { type: "tool-call", id: "1", name: "weather", params: { city: "Rome" } },
            { type: "tool-call", id: "2", name: "now", params: undefined }
          ]
        },
        {
          role: "tool",
          content: [
            { type: "tool-result", id: "1", name: "weather", isFailure: false, result: { degrees: 20 } },
            { type: "tool-result", id: "2", name: "now", isFailure: true, result: "no clock" }
          ]
        }
      ]),
      [
        {
          role: "assistant",
          content: null,
          reasoning_content: "A tool knows.",
          tool_calls: [
            { id: "1", type: "function", function: { name: "weather", arguments: '{"city":"Rome"}' } },
            { id: "2", type: "function", function: { name: "now", arguments: "{}" } }
          ]
        },
        { role: "tool", tool_call_id: "1", content: '{"degrees":20}' },
        { role: "tool", tool_call_id: "2", content: "no clock" }
      ]
    )
  })

  it("tell of a result what it says for the model, where it says something", () => {
    const [message] = lowered([
      {
        role: "tool",
        content: [
          {
            type: "tool-result",
            id: "1",
            name: "photo",
            isFailure: false,
            result: { bytes: 3 },
            modelOutput: [
              { type: "text", text: "A cat" },
              { type: "file", mediaType: "image/png", data: picture }
            ]
          }
        ]
      }
    ])
    assert.deepStrictEqual(message, { role: "tool", tool_call_id: "1", content: "A cat\n[image/png omitted]" })
  })

  it("leave out what another vendor has done by itself", () => {
    assert.deepStrictEqual(
      lowered([
        {
          role: "assistant",
          content: [
            { type: "tool-call", id: "1", name: "search", params: {}, providerExecuted: true },
            { type: "tool-result", id: "1", name: "search", isFailure: false, result: [], providerExecuted: true },
            { type: "text", text: "Found nothing." }
          ]
        }
      ]),
      [{ role: "assistant", content: "Found nothing." }]
    )
  })

  it("are refused where there is no word for what they hold", () => {
    assert.include(refusal([]), "The prompt is empty")
    assert.include(
      refusal([{ role: "user", content: [{ type: "file", mediaType: "application/pdf", data: "AQID" }] }]),
      "application/pdf"
    )
    assert.include(
      refusal([{ role: "assistant", content: [{ type: "file", mediaType: "image/png", data: "AQID" }] }]),
      "image/png"
    )
  })
})
