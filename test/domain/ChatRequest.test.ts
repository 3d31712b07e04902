import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ChatRequest, maxTokens } from "../../src/domain/ChatRequest.ts"
import { estimatePrompt } from "../../src/domain/TokenEstimate.ts"

const isChatRequest = Schema.is(ChatRequest)
const hello = { model: "m", messages: [{ role: "user", content: "Hello" }] } as const

describe("ChatRequest", () => {
  it("accepts each role, text as a string and as parts, and the older function messages", () => {
    assert.isTrue(
      isChatRequest({
        model: "m",
        messages: [
          { role: "system", content: "Be brief" },
          { role: "developer", content: [{ type: "text", text: "Be kind" }] },
          { role: "user", content: [{ type: "text", text: "Hello" }, { type: "image_url" }] },
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }]
          },
          { role: "tool", content: "42", tool_call_id: "1" },
          { role: "function", name: "f", content: null }
        ]
      })
    )
  })

  it("leaves fields that it does not name where they are", () => {
    const request: unknown = { ...hello, store: true, metadata: { a: "b" } }
    assert.isTrue(isChatRequest(request))
    assert.deepStrictEqual(request, { ...hello, store: true, metadata: { a: "b" } })
  })

  const wrong: ReadonlyArray<readonly [what: string, change: object]> = [
    ["no model", { model: "" }],
    ["no messages", { messages: [] }],
    ["a message of no role", { messages: [{ content: "Hello" }] }],
    ["a message of an unknown role", { messages: [{ role: "narrator", content: "Hello" }] }],
    ["empty content parts", { messages: [{ role: "user", content: [] }] }],
    ["a tool message without its call", { messages: [{ role: "tool", content: "42" }] }],
    ["a temperature in a string", { temperature: "1" }],
    ["a temperature above 2", { temperature: 2.1 }],
    ["a negative top_p", { top_p: -0.1 }],
    ["half a token", { max_tokens: 0.5 }],
    ["no tokens", { max_completion_tokens: 0 }],
    ["five stops", { stop: ["a", "b", "c", "d", "e"] }],
    ["no choices", { n: 0 }],
    ["a stream that is no yes or no", { stream: "true" }]
  ]
  it.each(wrong)("refuses %s", (_, change) => {
    assert.isFalse(isChatRequest({ ...hello, ...change }))
  })
})

describe("maxTokens", () => {
  it("takes the newer name where both are given", () => {
    assert.strictEqual(maxTokens({ ...hello, max_tokens: 10, max_completion_tokens: 20 }), 20)
    assert.strictEqual(maxTokens({ ...hello, max_tokens: 10 }), 10)
    assert.isUndefined(maxTokens(hello))
  })
})

describe("estimatePrompt", () => {
  it("grows with the text of every message, whichever form it has", () => {
    const text = "x".repeat(300)
    const whole = estimatePrompt({ model: "m", messages: [{ role: "user", content: text }] })
    const parted = estimatePrompt({ model: "m", messages: [{ role: "user", content: [{ type: "text", text }] }] })
    assert.strictEqual(parted, whole)
    assert.isAbove(whole, 75)
    assert.isBelow(whole, 150)
    assert.isAbove(estimatePrompt({ model: "m", messages: [{ role: "user", content: "" }] }), 0)
  })

  it("counts an image as one, however long its URL is", () => {
    const withImage = (url: string) =>
      estimatePrompt({ model: "m", messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] })
    const large = withImage(`data:image/png;base64,${"A".repeat(1_000_000)}`)
    assert.strictEqual(large, withImage("https://example.com/dot.png"))
    assert.isAbove(large, 100)
    assert.isBelow(large, 5000)
  })
})
