import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startGateway } from "../support/Gateway.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import { gigaChatSettings, providers, yandexSettings } from "../support/Upstreams.ts"
import * as YandexUpstream from "../support/YandexUpstream.ts"

const start = Effect.gen(function* () {
  const gigachat = yield* GigaChatUpstream.make()
  const yandex = yield* YandexUpstream.make()
  const gateway = yield* startGateway({
    providers: providers({ gigachat: gigaChatSettings(gigachat), yandexgpt: yandexSettings(yandex) })
  })
  const key = yield* gateway.makeKey()
  return { gigachat, yandex, gateway, key, openai: gateway.openai(key) }
})

const messages = [
  { role: "system" as const, content: "Отвечай кратко" },
  { role: "user" as const, content: "Посчитай до трёх" }
]

describe("an OpenAI client and GigaChat", () => {
  it.live("get along: what was sent is GigaChat's own, what comes back is OpenAI's", () =>
    Effect.gen(function* () {
      const { gigachat, openai } = yield* start
      const answer = yield* Effect.promise(() =>
        openai.chat.completions
          .create({ model: "gigachat-max", messages, temperature: 0, max_completion_tokens: 50, seed: 7 })
          .withResponse()
      )
      assert.strictEqual(answer.data.choices[0]?.message.content, "Раз, два, три.")
      assert.strictEqual(answer.data.model, "gigachat-max")
      // GigaChat counts cached tokens apart: 17 + 2.
      assert.deepInclude(answer.data.usage, { prompt_tokens: 19, completion_tokens: 3, total_tokens: 22 })
      assert.strictEqual(answer.data.usage?.prompt_tokens_details?.cached_tokens, 2)
      assert.strictEqual(answer.response.headers.get("x-xrouter-provider"), "gigachat")
      assert.strictEqual(answer.response.headers.get("x-xrouter-model"), "GigaChat-2-Max")
      assert.strictEqual(answer.response.headers.get("x-xrouter-dropped-params"), "seed")
      const [sent] = gigachat.chats()
      assert.deepStrictEqual(sent?.body, { model: "GigaChat-2-Max", messages, top_p: 0, max_tokens: 50 })
      assert.deepStrictEqual(gigachat.violations, [])
    }).pipe(Effect.scoped)
  )

  it.live("stream, with the usage in a chunk of its own where it is asked for", () =>
    Effect.gen(function* () {
      const { openai } = yield* start
      const chunks = yield* Effect.promise(async () =>
        Array.fromAsync(
          await openai.chat.completions.create({
            model: "gigachat/GigaChat-2",
            messages,
            stream: true,
            stream_options: { include_usage: true }
          })
        )
      )
      const texts = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "")
      assert.deepStrictEqual(
        texts.filter((text) => text !== ""),
        ["Раз, два", ", три."]
      )
      assert.strictEqual(chunks.at(-2)?.choices[0]?.finish_reason, "stop")
      assert.strictEqual(chunks.at(-1)?.usage?.prompt_tokens, 19)
    }).pipe(Effect.scoped)
  )

  it.live("twenty at once with a token that has just expired: one new token, twenty answers", () =>
    Effect.gen(function* () {
      const { gigachat, openai } = yield* start
      const ask = Effect.promise(() => openai.chat.completions.create({ model: "gigachat", messages }))
      yield* ask
      const before = gigachat.tokens().length
      gigachat.expireTokens()
      const answers = yield* Effect.all(
        Array.from({ length: 20 }, () => ask),
        { concurrency: "unbounded" }
      )
      assert.isTrue(answers.every((answer) => answer.choices[0]?.message.content === "Раз, два, три."))
      assert.strictEqual(gigachat.tokens().length - before, 1)
    }).pipe(Effect.scoped)
  )
})

describe("an OpenAI client and YandexGPT", () => {
  it.live("get along: what was sent is Yandex's own, what comes back is OpenAI's", () =>
    Effect.gen(function* () {
      const { openai, yandex } = yield* start
      yandex.next(YandexUpstream.says("Один, два, три."))
      const answer = yield* Effect.promise(() =>
        openai.chat.completions
          .create({ model: "yandexgpt:rc", messages, temperature: 0.2, max_tokens: 100, top_p: 0.5 })
          .withResponse()
      )
      assert.strictEqual(answer.data.choices[0]?.message.content, "Один, два, три.")
      assert.strictEqual(answer.data.model, "yandexgpt:rc")
      assert.strictEqual(answer.response.headers.get("x-xrouter-dropped-params"), "top_p")
      const [sent] = yandex.completions
      assert.deepStrictEqual(sent?.body, {
        modelUri: `gpt://${yandex.folderId}/yandexgpt/rc`,
        completionOptions: { stream: false, temperature: 0.2, maxTokens: "100" },
        messages: messages.map(({ role, content }) => ({ role, text: content }))
      })
      assert.strictEqual(sent?.headers["x-data-logging-enabled"], "false")
      assert.strictEqual(sent?.headers.authorization, `Api-Key ${yandex.apiKey}`)
    }).pipe(Effect.scoped)
  )

  it.live("stream: cumulative snapshots become deltas", () =>
    Effect.gen(function* () {
      const { openai, yandex } = yield* start
      yandex.next(YandexUpstream.says("Один, два, три.", { packetSize: 7 }))
      const final = yield* Effect.promise(() =>
        openai.chat.completions.stream({ model: "yandexgpt/yandexgpt-lite", messages }).finalChatCompletion()
      )
      assert.strictEqual(final.choices[0]?.message.content, "Один, два, три.")
      assert.strictEqual(final.choices[0]?.finish_reason, "stop")
    }).pipe(Effect.scoped)
  )
})

describe("what neither provider can do", () => {
  it.live("is refused by its name, before any limit is touched or provider called", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, yandex } = yield* start
      const key = yield* gateway.makeKey({ limits: { rpm: 1 } })
      for (const model of ["gigachat", "yandexgpt"]) {
        for (const [param, body] of [
          ["logprobs", { logprobs: true }],
          ["logit_bias", { logit_bias: { "1": 5 } }],
          ["audio", { audio: { voice: "alloy", format: "mp3" } }]
        ] as const) {
          const answer = yield* gateway.chat(key, { model, messages, ...body })
          assert.strictEqual(answer.status, 400)
          assert.strictEqual(answer.json.error.details.reason, "unsupported_parameter")
          assert.strictEqual(answer.json.error.param.split(/[.[]/)[0], param)
        }
      }
      assert.strictEqual(gigachat.chats().length + yandex.completions.length, 0)
      const allowed = yield* gateway.chat(key, { model: "gigachat", messages })
      assert.strictEqual(allowed.status, 200)
    }).pipe(Effect.scoped)
  )
})
