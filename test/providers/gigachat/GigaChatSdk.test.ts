import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { startGateway } from "../../support/Gateway.ts"
import * as GigaChat from "../../support/GigaChatUpstream.ts"
import { gigaChatSettings, providers } from "../../support/Upstreams.ts"

const stateId = "3f0c2a10-5b7e-4c55-9d1e-0a1b2c3d4e5f"
const user = { role: "user" as const, content: "Погода в Туле?" }

describe("OpenAI's SDK, its requests answered by GigaChat", () => {
  it.live("runs tools to the end, in one piece and in a stream, and has its answer by a schema", () =>
    Effect.gen(function* () {
      const gigachat = yield* GigaChat.make()
      const gateway = yield* startGateway({ providers: providers({ gigachat: gigaChatSettings(gigachat) }) })
      const { chat } = gateway.openai(yield* gateway.makeKey())

      const asked: Array<string> = []
      const weather = {
        name: "weather/now",
        description: "Погода",
        parameters: { type: "object", properties: { city: { type: ["string", "null"] } } },
        parse: (text: string): unknown => JSON.parse(text),
        function: (given: unknown) => {
          asked.push(JSON.stringify(given))
          gigachat.answer({ pieces: ["В Туле ", "21 °C"], call: undefined })
          return "21 °C"
        }
      }
      const wanted = {
        model: "gigachat",
        messages: [user],
        tools: [{ type: "function" as const, function: weather }]
      }
      const calls = () =>
        gigachat.answer({
          pieces: ["Узнаю."],
          call: { name: "weather_now", arguments: { city: "Тула" }, stateId }
        })
      calls()
      const whole = yield* Effect.promise(() => chat.completions.runTools(wanted).finalContent())
      calls()
      const streamed = yield* Effect.promise(() =>
        chat.completions.runTools({ ...wanted, stream: true }).finalContent()
      )
      assert.deepStrictEqual([whole, streamed], ["В Туле 21 °C", "В Туле 21 °C"])
      assert.deepStrictEqual(asked, ['{"city":"Тула"}', '{"city":"Тула"}'])
      for (const sent of [gigachat.chats()[1], gigachat.chats()[3]]) {
        assert.deepNestedInclude(sent?.body, {
          messages: [
            user,
            {
              role: "assistant",
              content: "Узнаю.",
              function_call: { name: "weather_now", arguments: { city: "Тула" } },
              functions_state_id: stateId
            },
            { role: "function", name: "weather_now", content: '{"result":"21 °C"}' }
          ]
        })
      }

      gigachat.answer({ pieces: ['{"t":', "21}"] })
      const schema = { type: "object", properties: { t: { type: "integer" } }, required: ["t"] }
      const answer = yield* Effect.promise(() =>
        chat.completions.parse({
          model: "gigachat",
          messages: [user],
          response_format: { type: "json_schema", json_schema: { name: "weather", strict: true, schema } }
        })
      )
      assert.strictEqual(answer.choices[0]?.message.content, '{"t":21}')
      assert.deepNestedInclude(gigachat.chats()[4]?.body, {
        response_format: { type: "json_schema", schema, strict: true }
      })
      assert.deepStrictEqual(gigachat.violations, [])
    }).pipe(Effect.scoped)
  )
})
