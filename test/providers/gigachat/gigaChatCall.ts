import { assert } from "@effect/vitest"
import { Schema } from "effect"
import { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import type { ChatCall } from "../../../src/providers/Provider.ts"

const isRequest = Schema.is(ChatRequest)

/** A call as the gateway makes it of these fields; the user says hello where no messages are given. */
export const callOf = (fields: object = {}, model = "GigaChat-2"): ChatCall => {
  const request: unknown = { model: "gigachat", messages: [{ role: "user", content: "Привет" }], ...fields }
  return isRequest(request) ? { requestId: "req_1", model, request } : assert.fail("the gateway would not let it in")
}
