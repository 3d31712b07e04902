import { assert, describe, it } from "@effect/vitest"
import { Effect, Latch, Layer, Schema, Stream } from "effect"
import { Chat, LanguageModel, Model, type Response, Tool, Toolkit } from "effect/ai"
import { withParameters, XRouterLanguageModel } from "../../src/ai/index.ts"
import { callsFunctions, says } from "../support/YandexUpstream.ts"
import { gigachat, openai, yandexgpt } from "./upstreams.ts"

const max = "gigachat/GigaChat-2-Max"

const Weather = Tool.make("GetWeather", {
  description: "The weather of a city now",
  parameters: Schema.Struct({
    city: Schema.String.annotate({ description: "In Russian" }),
    units: Schema.optionalKey(Schema.Literals(["celsius", "fahrenheit"]))
  }),
  success: Schema.Struct({ degrees: Schema.Finite })
})

const Weathers = Toolkit.make(Weather)

const weatherOf = (asked: Array<string>) =>
  Weathers.toLayer({
    GetWeather: ({ city }) => {
      asked.push(city)
      return Effect.succeed({ degrees: -5 })
    }
  })

const stateId = "77d3fb14-457a-46ba-937e-8d856156d003"

const kinds = (parts: ReadonlyArray<Response.AnyPart>) => parts.map(({ type }) => type)

const metadataOf = (parts: ReadonlyArray<Response.AnyPart>) =>
  parts.find((part) => part.type === "response-metadata")?.metadata["xrouter"]

const body = (request: { readonly body: unknown } | undefined): unknown => request?.body

describe("generateText", () => {
  it.effect("answers by GigaChat, with who served, why it ended and what it used", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      const response = yield* LanguageModel.generateText({
        prompt: [
          { role: "system", content: "Count." },
          { role: "user", content: "To three" }
        ]
      }).pipe(Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router))))
      assert.strictEqual(response.text, "Раз, два, три.")
      assert.strictEqual(response.finishReason, "stop")
      assert.deepStrictEqual(
        { ...response.usage.inputTokens, ...response.usage.outputTokens },
        { uncached: 17, cacheRead: 2, total: 3, reasoning: 0, text: 3 }
      )
      assert.strictEqual(response.usage.inputTokens.total, 19)
      assert.deepStrictEqual(
        upstream.chats().map(({ body }) => body),
        [
          {
            model: "GigaChat-2-Max",
            messages: [
              { role: "system", content: "Count." },
              { role: "user", content: "To three" }
            ]
          }
        ]
      )
      const metadata = metadataOf(response.content)
      assert.propertyVal(metadata, "provider", "gigachat")
      assert.propertyVal(metadata, "model", "GigaChat-2-Max")
      assert.deepStrictEqual(upstream.violations, [])
    })
  )

  it.effect("sets the model's parameters, and those of a call over them", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      const ask = LanguageModel.generateText({ prompt: "Hello" })
      yield* Effect.andThen(ask, withParameters({ max_tokens: 7 })(withParameters({ temperature: 0.1 })(ask))).pipe(
        Effect.provide(
          XRouterLanguageModel.layer({ model: max, parameters: { temperature: 0.9, max_tokens: 100 } }).pipe(
            Layer.provide(router)
          )
        )
      )
      const [first, second] = upstream.chats().map(body)
      assert.deepInclude(first, { temperature: 0.9, max_tokens: 100 })
      assert.deepInclude(second, { temperature: 0.1, max_tokens: 7 })
    })
  )

  it.effect("tells what the provider could not carry", () =>
    Effect.gen(function* () {
      const { router } = yield* gigachat
      const { content } = yield* LanguageModel.generateText({ prompt: "Hello" }).pipe(
        withParameters({ seed: 1 }),
        Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router)))
      )
      assert.deepPropertyVal(metadataOf(content), "dropped", ["seed"])
    })
  )

  it.effect("tells its name as a model of effect/ai does", () =>
    Effect.gen(function* () {
      const { router } = yield* gigachat
      const model = XRouterLanguageModel.model({ model: max })
      const names = yield* Effect.all([Model.ProviderName, Model.ModelName]).pipe(
        Effect.provide(model.pipe(Layer.provide(router)))
      )
      assert.deepStrictEqual(names, ["xrouter", max])
      assert.strictEqual(model.provider, "xrouter")
    })
  )

  it.effect("gives the model's thinking apart from its words", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      upstream.answer({ reasoning: "Easy." })
      const response = yield* LanguageModel.generateText({ prompt: "Hello" }).pipe(
        Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router)))
      )
      assert.strictEqual(response.reasoningText, "Easy.")
      assert.strictEqual(response.text, "Раз, два, три.")
    })
  )
})

describe("generateObject", () => {
  const Person = Schema.Struct({ name: Schema.String, age: Schema.Int, nick: Schema.optionalKey(Schema.String) })

  it.effect("gives a value of the schema by GigaChat, without the fields that it has left empty", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      upstream.answer({ pieces: ['{"name":"Анна",', '"age":30,"nick":null}'] })
      const { value } = yield* LanguageModel.generateObject({
        prompt: "Who?",
        schema: Person,
        objectName: "a person"
      }).pipe(Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router))))
      assert.deepStrictEqual(value, { name: "Анна", age: 30 })
      assert.deepStrictEqual(upstream.violations, [])
    })
  )

  it.effect("gives one by a provider that keeps to a schema", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* yandexgpt
      upstream.next(says('{"name":"Анна","age":30,"nick":"Аня"}'))
      const { value } = yield* LanguageModel.generateObject({ prompt: "Who?", schema: Person }).pipe(
        Effect.provide(XRouterLanguageModel.layer({ model: "yandexgpt/yandexgpt" }).pipe(Layer.provide(router)))
      )
      assert.deepStrictEqual(value, { name: "Анна", age: 30, nick: "Аня" })
      assert.deepNestedInclude(upstream.completions[0], {
        "body.jsonSchema.schema.required": ["name", "age", "nick"],
        "body.jsonSchema.schema.additionalProperties": false
      })
    })
  )

  it.effect("fails with what was said where that is no such value", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* yandexgpt
      upstream.next(says('{"name":"Анна"}'))
      const error = yield* LanguageModel.generateObject({ prompt: "Who?", schema: Person }).pipe(
        Effect.provide(XRouterLanguageModel.layer({ model: "yandexgpt/yandexgpt" }).pipe(Layer.provide(router))),
        Effect.flip
      )
      assert.strictEqual(error.reason._tag, "StructuredOutputError")
      assert.propertyVal(error.reason, "responseText", '{"name":"Анна"}')
    })
  )

  it.effect("names the form as OpenAI wants it named", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* openai
      yield* LanguageModel.generateObject({ prompt: "Who?", schema: Person, objectName: "a person" }).pipe(
        Effect.provide(XRouterLanguageModel.layer({ model: "openai/gpt-test" }).pipe(Layer.provide(router))),
        Effect.flip
      )
      assert.deepNestedInclude(
        upstream.requests.find(({ method }) => method === "POST"),
        {
          "body.response_format.json_schema.name": "a_person",
          "body.response_format.json_schema.strict": true
        }
      )
    })
  )
})

describe("streamText", () => {
  it.effect("gives the parts as they come", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      upstream.answer({ reasoning: "Easy.", pieces: ["Раз", ", два"] })
      const parts = yield* LanguageModel.streamText({ prompt: "Hello" }).pipe(
        Stream.runCollect,
        Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router)))
      )
      assert.deepStrictEqual(kinds(parts), [
        "response-metadata",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "text-start",
        "text-delta",
        "text-delta",
        "text-end",
        "finish"
      ])
      assert.deepStrictEqual(
        parts.flatMap((part) => (part.type === "text-delta" ? [part.delta] : [])),
        ["Раз", ", два"]
      )
      assert.deepInclude(parts.at(-1), { reason: "stop" })
      assert.deepNestedInclude(upstream.chats()[0], { "body.stream": true })
    })
  )

  it.effect("gives the first words before the last are written", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      const proceed = yield* Latch.make()
      upstream.answer({ proceed })
      const said: Array<string> = []
      yield* LanguageModel.streamText({ prompt: "Hello" }).pipe(
        Stream.runForEach((part) =>
          Effect.gen(function* () {
            if (part.type !== "text-delta") return
            said.push(part.delta)
            yield* proceed.open
          })
        ),
        Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router)))
      )
      assert.deepStrictEqual(said, ["Раз, два", ", три."])
    })
  )
})

describe("a toolkit", () => {
  it.effect("is called by GigaChat, and what it answers is told back", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      const asked: Array<string> = []
      upstream.answer({ pieces: [], call: { name: "GetWeather", arguments: { city: "Казань" }, stateId } })
      const chat = yield* Chat.empty
      const text = yield* Effect.gen(function* () {
        const first = yield* chat.generateText({ prompt: "Погода в Казани?", toolkit: Weathers })
        assert.strictEqual(first.finishReason, "tool-calls")
        assert.deepStrictEqual(
          first.toolResults.map(({ result }) => result),
          [{ degrees: -5 }]
        )
        upstream.answer({ pieces: ["Минус пять."], call: undefined })
        return (yield* chat.generateText({ prompt: [], toolkit: Weathers })).text
      }).pipe(
        Effect.provide([XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router)), weatherOf(asked)])
      )
      assert.strictEqual(text, "Минус пять.")
      assert.deepStrictEqual(asked, ["Казань"])
      assert.deepNestedInclude(upstream.chats()[1], {
        "body.messages[1].role": "assistant",
        "body.messages[1].function_call": { name: "GetWeather", arguments: { city: "Казань" } },
        "body.messages[1].functions_state_id": stateId,
        "body.messages[2].role": "function",
        "body.messages[2].content": '{"degrees":-5}'
      })
      assert.deepStrictEqual(upstream.violations, [])
    })
  )

  it.effect("is called by YandexGPT in a stream, twice at once", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* yandexgpt
      const asked: Array<string> = []
      upstream.next(
        callsFunctions([
          { name: "GetWeather", arguments: { city: "Москва" } },
          { name: "GetWeather", arguments: { city: "Казань", units: "celsius" } }
        ])
      )
      const parts = yield* LanguageModel.streamText({ prompt: "Погода?", toolkit: Weathers, concurrency: 1 }).pipe(
        Stream.runCollect,
        Effect.provide([
          XRouterLanguageModel.layer({ model: "yandexgpt/yandexgpt" }).pipe(Layer.provide(router)),
          weatherOf(asked)
        ])
      )
      assert.deepStrictEqual(asked, ["Москва", "Казань"])
      assert.deepStrictEqual(
        kinds(parts).filter((kind) => !kind.startsWith("tool-params")),
        ["response-metadata", "tool-call", "tool-call", "tool-result", "tool-result", "finish"]
      )
      const calls = parts.filter((part) => part.type === "tool-call")
      assert.deepStrictEqual(
        parts.flatMap((part) => (part.type === "tool-params-start" ? [part.id] : [])),
        calls.map(({ id }) => id)
      )
      assert.deepNestedInclude(upstream.completions[0], {
        "body.tools[0].function.name": "GetWeather",
        "body.tools[0].function.description": "The weather of a city now",
        "body.tools[0].function.parameters.properties.city.type": "string"
      })
    })
  )

  it.effect("may be asked for: any of its tools, one of them, or none", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* openai
      const ask = (toolChoice: LanguageModel.ToolChoice<"GetWeather">) =>
        LanguageModel.generateText({ prompt: "Hello", toolkit: Weathers, toolChoice, disableToolCallResolution: true })
      yield* Effect.all([ask("auto"), ask("none"), ask({ tool: "GetWeather" }), ask({ oneOf: ["GetWeather"] })]).pipe(
        Effect.provide([
          XRouterLanguageModel.layer({ model: "openai/gpt-test" }).pipe(Layer.provide(router)),
          weatherOf([])
        ])
      )
      const choices = upstream.requests
        .filter(({ path }) => path === "/v1/chat/completions")
        .map(({ body }) =>
          typeof body === "object" && body !== null && "tool_choice" in body ? body.tool_choice : "-"
        )
      assert.deepStrictEqual(choices, ["-", "none", { type: "function", function: { name: "GetWeather" } }, "-"])
    })
  )
})
