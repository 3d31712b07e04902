import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startGateway } from "../support/Gateway.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import { gigaChatSettings, providers, yandexSettings } from "../support/Upstreams.ts"
import * as YandexUpstream from "../support/YandexUpstream.ts"

const messages = [{ role: "user" as const, content: "Посчитай до трёх" }]

describe("what a provider cannot do by itself", () => {
  it.live("is made up for: an OpenAI client gets its stop, its choices and its JSON from both", () =>
    Effect.gen(function* () {
      const gigachat = yield* GigaChatUpstream.make()
      const yandex = yield* YandexUpstream.make()
      const gateway = yield* startGateway({
        providers: providers({ gigachat: gigaChatSettings(gigachat), yandexgpt: yandexSettings(yandex) })
      })
      const openai = gateway.openai(yield* gateway.makeKey())
      for (const [model, before] of [
        ["gigachat/GigaChat-2", "Раз"],
        ["yandexgpt/yandexgpt-lite", "Один"]
      ] as const) {
        const body = { model, messages, stop: ["!", ", два"], n: 2 }
        const whole = yield* Effect.promise(() => openai.chat.completions.create(body))
        assert.deepStrictEqual(
          whole.choices.map(({ finish_reason, index, message }) => [index, message.content, finish_reason]),
          [0, 1].map((index) => [index, before, "stop"])
        )
        const chunks = yield* Effect.promise(async () =>
          Array.fromAsync(await openai.chat.completions.create({ ...body, stream: true }))
        )
        const choices = chunks.flatMap((chunk) => chunk.choices)
        for (const index of [0, 1]) {
          const own = choices.filter((choice) => choice.index === index)
          assert.strictEqual(own.map(({ delta }) => delta.content ?? "").join(""), before)
          assert.strictEqual(own.at(-1)?.finish_reason, "stop")
        }
      }
      assert.strictEqual(gigachat.chats().length, 4)
      assert.strictEqual(yandex.completions.length, 4)

      // GigaChat keeps to a schema, and to no form without one.
      gigachat.answer({ pieces: ["Вот:\n```json\n", '{"сколько": 3.0}\n```'] })
      const answer = yield* Effect.promise(() =>
        openai.chat.completions.create({
          model: "gigachat/GigaChat-2",
          messages,
          response_format: { type: "json_object" }
        })
      )
      assert.strictEqual(answer.choices[0]?.message.content, '{"сколько": 3.0}')
      const asked = gigachat.chats().at(-1)?.body
      assert.notProperty(asked, "response_format")
      assert.include(JSON.stringify(asked), "Answer with one JSON object")
      assert.deepStrictEqual(gigachat.violations, [])
    }).pipe(Effect.scoped)
  )
})
