import { assert, describe, it } from "@effect/vitest"
import { Meter } from "../../src/gateway/Meter.ts"
import { RequestContext } from "../../src/gateway/RequestContext.ts"

const meter = () => {
  const context = new RequestContext({
    requestId: "req_1",
    method: "POST",
    path: "/v1/chat/completions",
    route: "/v1/chat/completions",
    ip: "127.0.0.1",
    arrivedAt: 0
  })
  return new Meter(context, { model: "m", messages: [{ role: "user", content: "Hi" }] }, () => 0)
}

describe("what an answer used, where its provider does not tell", () => {
  it("is estimated by all that the model has written, in whatever place it stands", () => {
    const written = "x".repeat(300)
    const heard = meter()
    heard.hear([
      { _tag: "TextDelta", choice: 0, text: written },
      { _tag: "ReasoningDelta", choice: 0, text: written },
      { _tag: "ToolCallDelta", choice: 0, call: 0, arguments: written },
      { _tag: "ChoiceExtra", choice: 0, delta: { function_call: { name: "f", arguments: written } } },
      { _tag: "ChoiceExtra", choice: 0, delta: { refusal: written } },
      { _tag: "ChoiceExtra", choice: 0, delta: { annotations: [{ title: written }] } }
    ])
    assert.strictEqual(heard.usage.completionTokens, 500)
    assert.isTrue(heard.isEstimated)
  })
})
