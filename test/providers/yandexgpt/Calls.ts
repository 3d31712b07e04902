import { assert } from "@effect/vitest"
import { Duration, Effect, Schema, Stream } from "effect"
import type { YandexGptSettings } from "../../../src/config/Settings.ts"
import { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import type { ChatCall, Provider } from "../../../src/providers/Provider.ts"
import * as YandexGpt from "../../../src/providers/yandexgpt/YandexGpt.ts"
import { yandexSettings } from "../../support/Upstreams.ts"
import type { YandexUpstream } from "../../support/YandexUpstream.ts"

const isRequest = Schema.is(ChatRequest)

/** A call for one model, as the gateway would make it of these fields; `user` is what the user says where no messages are given. */
export const call = (fields: object = {}, model = "yandexgpt"): ChatCall => {
  const request = { model: `yandexgpt/${model}`, messages: [{ role: "user", content: "Привет" }], ...fields }
  return isRequest(request)
    ? { requestId: "req_0123456789abcdef0123456789abcdef", model, request }
    : assert.fail("this is no chat request")
}

const timeouts = { connect: Duration.seconds(5), idle: Duration.seconds(5) }

/** The provider before this upstream. */
export const provider = (yandex: YandexUpstream, over: Partial<YandexGptSettings> = {}) =>
  YandexGpt.make("yandexgpt", { ...yandexSettings(yandex), ...over }, timeouts)

/** The whole answer to a call. */
export const ask = Effect.fnUntraced(function* (yandexgpt: Provider, fields: object = {}, model?: string) {
  const { dropped, events } = yield* yandexgpt.prepare(call(fields, model))
  return { dropped, events: yield* Stream.runCollect(events) }
})
