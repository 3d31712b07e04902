import { assert, describe, it } from "@effect/vitest"
import type { FinishedSpan } from "../../src/telemetry/FinishedSpan.ts"
import { RequestTrace, type TracedRequest } from "../../src/telemetry/RequestTrace.ts"
import { heapUsed } from "../support/Heap.ts"

const refused: TracedRequest = {
  requestId: "req_1",
  method: "POST",
  route: "/v1/chat/completions",
  operation: "chat",
  status: 404,
  stream: false,
  isCancelled: false,
  arrivedAt: 1000,
  endedAt: 1001,
  answeredAt: undefined,
  firstContentAt: undefined,
  ip: "127.0.0.1",
  code: "validation_error",
  reason: "model_not_found",
  keyId: "key_1",
  userId: "user_1",
  model: undefined,
  answerId: undefined,
  usage: undefined,
  isUsageEstimated: false
}

describe("the trace of a request", () => {
  it("keeps of a model's name that a client made up its beginning alone, also in memory", () => {
    const waiting: Array<FinishedSpan> = []
    const before = heapUsed()
    for (let index = 0; index < 64; index += 1) {
      const trace = new RequestTrace("0af7651916cd43dd8448eb211c80319c", undefined, (spans) => waiting.push(...spans))
      // As a body's text is read: a string of its own.
      const model = JSON.parse(`"${"a".repeat(1_000_000)}"`)
      trace.callBegan("openai", model, 1000)
      trace.end({ ...refused, model })
    }
    assert.isBelow(heapUsed() - before, 16_000_000)
    assert.lengthOf(waiting, 128)
    for (const { attributes } of waiting) {
      assert.strictEqual(new Map(attributes).get("gen_ai.request.model"), `${"a".repeat(256)}…`)
    }
  })
})
