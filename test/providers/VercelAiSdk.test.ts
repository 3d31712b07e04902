import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { assert, layer } from "@effect/vitest"
import { embedMany, generateObject, generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai"
import { Effect } from "effect"
import { Vendors } from "./edgeCases.ts"
import { names, speaker } from "./speakers.ts"

interface Weather {
  readonly city: string
  readonly t: number
}

const schema = jsonSchema<Weather>({
  type: "object",
  properties: { city: { type: "string" }, t: { type: "integer" } },
  required: ["city", "t"],
  additionalProperties: false
})

const prompt = "Погода в Туле?"

const setUp = Effect.fnUntraced(function* (name: (typeof names)[number], supportsStructuredOutputs = true) {
  const { gateway, key } = yield* Vendors
  const xrouter = createOpenAICompatible({
    name: "xrouter",
    apiKey: key,
    baseURL: `${gateway.url}/v1`,
    includeUsage: true,
    supportsStructuredOutputs
  })
  const vendor = yield* speaker(name)
  const common = { model: xrouter(vendor.model), prompt, maxRetries: 0 }
  return { xrouter, vendor, common }
})

layer(Vendors.layer(), { excludeTestServices: true })("Vercel's AI SDK", (it) => {
  for (const name of names) {
    it.effect(`generates text with ${name}`, () =>
      Effect.gen(function* () {
        const { common, vendor } = yield* setUp(name)
        vendor.says("В Туле 21 °C.")
        const { finishReason, text, usage } = yield* Effect.promise(() =>
          generateText({ ...common, instructions: "Кратко", temperature: 0, stopSequences: ["!"] })
        )
        assert.deepStrictEqual([text, finishReason], ["В Туле 21 °C.", "stop"])
        assert.isAbove(usage.inputTokens ?? 0, 0)
        assert.isAbove(usage.outputTokens ?? 0, 0)
      })
    )

    it.effect(`streams text with ${name}`, () =>
      Effect.gen(function* () {
        const { common, vendor } = yield* setUp(name)
        vendor.says("В Туле 21 °C, ясно 🌞.")
        const streaming = streamText(common)
        const deltas = yield* Effect.promise(() => Array.fromAsync(streaming.textStream))
        assert.isAbove(deltas.length, 1)
        assert.strictEqual(deltas.join(""), "В Туле 21 °C, ясно 🌞.")
        assert.strictEqual(yield* Effect.promise(async () => streaming.finishReason), "stop")
        const usage = yield* Effect.promise(async () => streaming.usage)
        assert.isAbove(usage.outputTokens ?? 0, 0)
      })
    )

    it.effect(`generates an object with ${name}, by its schema or by words alone`, () =>
      Effect.gen(function* () {
        for (const isBySchema of [true, false]) {
          const { common, vendor } = yield* setUp(name, isBySchema)
          vendor.says('{"city":"Тула","t":21}')
          const old = yield* Effect.promise(() => generateObject({ ...common, schema }))
          assert.deepStrictEqual(old.object, { city: "Тула", t: 21 })
          const told = vendor.schemaOf(vendor.chats().at(-1))
          if (isBySchema) assert.deepNestedInclude(told, { "properties.t.type": "integer" })
          else assert.isUndefined(told)

          vendor.says('{"city":"Орёл","t":12}')
          const { output } = yield* Effect.promise(() => generateText({ ...common, output: Output.object({ schema }) }))
          assert.deepStrictEqual(output, { city: "Орёл", t: 12 })

          vendor.says('{"city":"Тверь","t":-3}')
          const streaming = streamText({ ...common, output: Output.object({ schema }) })
          const partial = yield* Effect.promise(() => Array.fromAsync(streaming.partialOutputStream))
          assert.deepStrictEqual(partial.at(-1), { city: "Тверь", t: -3 })
        }
      })
    )

    it.effect(`goes round with tools until ${name} has its answer, in one piece and in a stream`, () =>
      Effect.gen(function* () {
        const { common, vendor } = yield* setUp(name)
        const asked: Array<string> = []
        const weather = tool({
          description: "Погода",
          inputSchema: jsonSchema<{ readonly city: string }>({
            type: "object",
            properties: { city: { type: "string" } },
            required: ["city"]
          }),
          execute: ({ city }) => {
            asked.push(city)
            if (asked.length % 2 === 1) vendor.calls("weather", { city: "Орёл" })
            else vendor.says("Везде ясно.")
            return `${city}: ясно`
          }
        })
        const looping = { ...common, tools: { weather }, stopWhen: stepCountIs(5) }
        vendor.calls("weather", { city: "Тула" })
        const whole = yield* Effect.promise(() => generateText(looping))
        assert.deepStrictEqual([whole.text, whole.steps.length], ["Везде ясно.", 3])
        assert.strictEqual(vendor.resultOf(vendor.chats().at(-1)), "Орёл: ясно")

        vendor.calls("weather", { city: "Тула" })
        const streaming = streamText(looping)
        assert.strictEqual(yield* Effect.promise(async () => streaming.text), "Везде ясно.")
        assert.strictEqual(vendor.resultOf(vendor.chats().at(-1)), "Орёл: ясно")
        assert.deepStrictEqual(asked, ["Тула", "Орёл", "Тула", "Орёл"])
      })
    )

    it.effect(`embeds many texts with ${name}, in their order`, () =>
      Effect.gen(function* () {
        const { vendor, xrouter } = yield* setUp(name)
        const values = ["кот", "собака", "кит"]
        const { embeddings, usage } = yield* Effect.promise(() =>
          embedMany({ model: xrouter.embeddingModel(vendor.embeddingModel), values, maxRetries: 0 })
        )
        assert.deepStrictEqual(
          embeddings.map(([length]) => length),
          values.map((value) => value.length)
        )
        assert.isAbove(usage.tokens, 0)
        assert.lengthOf(vendor.embeddings(), vendor.callsOfEmbeddings)
      })
    )
  }
})
