import { assert } from "@effect/vitest"
import { Schema } from "effect"
import { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import type { ChatCall } from "../../../src/providers/Provider.ts"

const isRequest = Schema.is(ChatRequest)

/** A call for one model, as the gateway would make it of these fields; `user` is what the user says where no messages are given. */
export const call = (fields: object = {}, model = "yandexgpt"): ChatCall => {
  const request = { model: `yandexgpt/${model}`, messages: [{ role: "user", content: "Привет" }], ...fields }
  return isRequest(request)
    ? { requestId: "req_0123456789abcdef0123456789abcdef", model, request }
    : assert.fail("this is no chat request")
}
