/**
 * Effect's own `LanguageModel` on YandexGPT, with a tool: the model asks for the weather, the application looks, the model answers. Needs
 * `YANDEX_API_KEY` and `YANDEX_FOLDER_ID`.
 */
import { Config, Console, Effect, Layer, Schema, Stream } from "effect"
import { Chat, type LanguageModel, Tool, Toolkit } from "effect/ai"
import { Metrics, Providers, Router } from "xrouter"
import { XRouterLanguageModel } from "xrouter/ai"
import * as YandexGpt from "xrouter/providers/yandexgpt"

const Weather = Tool.make("weather", {
  description: "The weather of a city now",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.Struct({ degrees: Schema.Finite })
})

const Tools = Toolkit.make(Weather)

const toolsLayer = Tools.toLayer({
  weather: ({ city }) => Effect.as(Console.log(`Looking at ${city}`), { degrees: -5 })
})

const yandexgpt = Effect.gen(function* () {
  return yield* YandexGpt.make({
    auth: { _tag: "ApiKey", apiKey: yield* Config.Redacted("YANDEX_API_KEY") },
    folderId: yield* Config.String("YANDEX_FOLDER_ID"),
    baseUrl: yield* Config.withDefault(Config.String("YANDEX_BASE_URL"), "https://llm.api.cloud.yandex.net")
  })
})

const model = XRouterLanguageModel.model({ model: "yandexgpt/yandexgpt", parameters: { temperature: 0 } }).pipe(
  Layer.provide(Router.layer()),
  Layer.provide([Providers.layer([yandexgpt]), Metrics.layer])
)

/** As many rounds as the model has calls to make. */
const answer = Effect.fnUntraced(function* (question: string) {
  const chat = yield* Chat.empty
  let said: LanguageModel.GenerateTextResponse<Toolkit.Tools<typeof Tools>, "opaque">
  said = yield* chat.generateText({ prompt: question, toolkit: Tools })
  while (said.toolResults.length > 0) said = yield* chat.generateText({ prompt: [], toolkit: Tools })
  yield* Console.log(said.text)
  return chat
})

const program = Effect.gen(function* () {
  const chat = yield* answer("Is it cold in Kazan?")
  yield* chat
    .streamText({ prompt: "And what shall I wear?" })
    .pipe(Stream.runForEach((part) => (part.type === "text-delta" ? Console.log(part.delta) : Effect.void)))
})

await Effect.runPromise(Effect.provide(program, [model, toolsLayer]))
