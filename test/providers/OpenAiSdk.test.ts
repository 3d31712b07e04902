import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { user, Vendors } from "./edgeCases.ts"
import { names, speaker, stateId } from "./speakers.ts"

const schema = { type: "object", properties: { t: { type: "integer" } }, required: ["t"], additionalProperties: false }
const format = { type: "json_schema" as const, json_schema: { name: "weather", strict: true, schema } }

const setUp = Effect.fnUntraced(function* (name: (typeof names)[number]) {
  const { gateway, key } = yield* Vendors
  return { vendor: yield* speaker(name), chat: gateway.openai(key).chat.completions }
})

layer(Vendors.layer(), { excludeTestServices: true })("OpenAI's SDK", (it) => {
  for (const name of names) {
    it.effect(`runs tools to the end with ${name}, in one piece and in a stream`, () =>
      Effect.gen(function* () {
        const { chat, vendor } = yield* setUp(name)
        const asked: Array<unknown> = []
        const weather = {
          name: "weather/now",
          description: "Погода",
          parameters: { type: "object", properties: { city: { type: "string" } } },
          parse: (text: string): unknown => JSON.parse(text),
          function: (given: unknown) => {
            asked.push(given)
            vendor.says("В Туле 21 °C.")
            return "21 °C"
          }
        }
        const wanted = {
          model: vendor.model,
          messages: [user],
          tools: [{ type: "function" as const, function: weather }]
        }
        vendor.calls("weather/now", { city: "Тула" })
        const whole = yield* Effect.promise(() => chat.runTools(wanted).finalContent())
        vendor.calls("weather/now", { city: "Тула" })
        const streamed = yield* Effect.promise(() => chat.runTools({ ...wanted, stream: true }).finalContent())
        assert.deepStrictEqual([whole, streamed], ["В Туле 21 °C.", "В Туле 21 °C."])
        assert.deepStrictEqual(asked, [{ city: "Тула" }, { city: "Тула" }])
        for (const chat of [vendor.chats().at(-1), vendor.chats().at(-3)]) {
          assert.strictEqual(vendor.resultOf(chat), "21 °C")
          assert.strictEqual(chat?.text.includes(stateId), name !== "YandexGPT")
        }
      })
    )

    it.effect(`parses ${name}'s answer by a schema`, () =>
      Effect.gen(function* () {
        const { chat, vendor } = yield* setUp(name)
        vendor.says('{"t":21}')
        const { choices } = yield* Effect.promise(() =>
          chat.parse({ model: vendor.model, messages: [user], response_format: format })
        )
        assert.strictEqual(choices[0]?.message.content, '{"t":21}')
        assert.isNull(choices[0]?.message.refusal)
        assert.deepNestedInclude(vendor.schemaOf(vendor.chats().at(-1)), { "properties.t.type": "integer" })
      })
    )

    it.effect(`streams ${name}'s answer, its deltas and its usage, by a schema or without`, () =>
      Effect.gen(function* () {
        const { chat, vendor } = yield* setUp(name)
        for (const [text, more] of [
          ["Один, два, три — 🐈.", {}],
          ['{"t":21}', { response_format: format }]
        ] as const) {
          vendor.says(text)
          const deltas: Array<string> = []
          const final = yield* Effect.promise(() =>
            chat
              .stream({ model: vendor.model, messages: [user], stream_options: { include_usage: true }, ...more })
              .on("content", (delta) => deltas.push(delta))
              .finalChatCompletion()
          )
          assert.strictEqual(deltas.join(""), text)
          assert.strictEqual(final.choices[0]?.message.content, text)
          assert.strictEqual(final.choices[0]?.finish_reason, "stop")
          assert.isAbove(final.usage?.total_tokens ?? 0, 0)
        }
      })
    )
  }
})
