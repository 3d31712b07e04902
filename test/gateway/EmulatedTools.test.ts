import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type OpenAI from "openai"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import * as GigaChat from "../support/GigaChatUpstream.ts"
import { alias } from "../support/ScriptedProvider.ts"
import { gigaChatSettings, providers, yandexSettings } from "../support/Upstreams.ts"
import * as Yandex from "../support/YandexUpstream.ts"

type Chat = OpenAI["chat"]["completions"]

const user = { role: "user" as const, content: "Погода в Туле?" }
const parameters = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: ["integer", "null"], minimum: 1 } },
  required: ["city"],
  additionalProperties: false
}
const weather = { name: "weather/now", description: "Погода", parameters }
const clock = { name: "clock", parameters: { type: "object", properties: {} } }
const tools = [weather, clock].map((definition) => ({ type: "function" as const, function: definition }))
const calling = (city: unknown) => JSON.stringify({ tool_calls: [{ name: "weather/now", arguments: { city } }] })

/** A gateway over both upstreams; `…-words` are models without tools. */
const setUp = Effect.gen(function* () {
  const gigachat = yield* GigaChat.make()
  const yandex = yield* Yandex.make()
  const gateway = yield* startGateway({
    providers: providers({
      gigachat: { ...gigaChatSettings(gigachat), fanOut: false },
      yandexgpt: yandexSettings(yandex)
    }),
    models: new Map([
      ["giga-words", alias(["gigachat/GigaChat-2"], { tools: "prompt" })],
      [
        "yandex-words",
        alias([], { candidates: [{ model: "yandexgpt/yandexgpt-lite", weight: 1, tools: "prompt" as const }] })
      ],
      ["yandex-own", alias(["yandexgpt/yandexgpt-lite"], { tools: "native" })]
    ])
  })
  const key = yield* gateway.makeKey()
  return { gigachat, yandex, gateway, key, chat: gateway.openai(key).chat.completions }
})

/** One for the file: a gateway takes longer to start than all of these tests take. */
class World extends Context.Service<World, Effect.Success<typeof setUp>>()("test/EmulatedTools/World") {
  static readonly layer = Layer.effect(World, setUp)
}

/** What each upstream says to the next requests, and the bodies that it got since. */
const sides = ({ gigachat, yandex }: World["Service"]) => [
  {
    name: "giga" as const,
    says: (...texts: ReadonlyArray<string>) =>
      texts.forEach((text) => gigachat.next(GigaChat.answering({ pieces: text.match(/[^]{1,9}/g) ?? [] }))),
    sent: () => gigachat.chats().map(({ body }) => body)
  },
  {
    name: "yandex" as const,
    says: (...texts: ReadonlyArray<string>) => yandex.next(...texts.map((text) => Yandex.says(text))),
    sent: () => yandex.completions.map(({ body }) => body)
  }
]

const all = (stream: AsyncIterable<OpenAI.ChatCompletionChunk>) => Array.fromAsync(stream)

const streamOf = (chat: Chat, body: Omit<OpenAI.ChatCompletionCreateParamsStreaming, "stream">) =>
  Effect.promise(async () => all(await chat.create({ ...body, stream: true })))

const deltasOf = (chunks: ReadonlyArray<OpenAI.ChatCompletionChunk>) =>
  chunks.flatMap(({ choices }) => choices.map(({ delta, finish_reason }) => ({ ...delta, finish_reason })))

const failureOf = (work: () => PromiseLike<unknown>) =>
  Effect.promise(async () => {
    try {
      await work()
    } catch (error) {
      return error
    }
    return assert.fail("It did not fail")
  })

const parametersOf = (gateway: TestGateway, key: string, model: string) =>
  Effect.map(
    gateway.request(`/v1/parameters/${encodeURIComponent(model)}`, { headers: { authorization: `Bearer ${key}` } }),
    ({ json }): ReadonlyArray<string> => json.data.supported_parameters
  )

layer(World.layer, { excludeTestServices: true })(
  "what a provider cannot do with tools, seen by OpenAI's SDK",
  (it) => {
    it.effect(
      "runs them to the end by `.runTools()`, in one piece and in a stream, and nothing but words is sent",
      () =>
        Effect.gen(function* () {
          const world = yield* World
          for (const { name, says, sent } of sides(world)) {
            const asked: Array<string> = []
            const wanted = {
              model: `${name}-words`,
              messages: [user],
              tools: [
                {
                  type: "function" as const,
                  function: {
                    ...weather,
                    parse: (text: string): unknown => JSON.parse(text),
                    function: (given: unknown) => {
                      asked.push(JSON.stringify(given))
                      return "21 °C"
                    }
                  }
                }
              ]
            }
            says(calling("Тула"), "В Туле 21 °C")
            const whole = yield* Effect.promise(() => world.chat.runTools(wanted).finalContent())
            says(calling("Тула"), "В Туле 21 °C")
            const streamed = yield* Effect.promise(() =>
              world.chat.runTools({ ...wanted, stream: true }).finalContent()
            )
            assert.deepStrictEqual([whole, streamed], ["В Туле 21 °C", "В Туле 21 °C"])
            assert.deepStrictEqual(asked, ['{"city":"Тула"}', '{"city":"Тула"}'])
            const [first, second] = sent().map((body) => JSON.stringify(body))
            assert.include(first, JSON.stringify(JSON.stringify(parameters)).slice(1, -1))
            for (const field of ['"functions":', '"tools":', "toolCallList", '"function_call":']) {
              assert.notInclude(first, field)
              assert.notInclude(second, field)
            }
            assert.include(second, JSON.stringify(calling("Тула")))
            assert.include(second, JSON.stringify('{"tool_results":[{"name":"weather/now","content":"21 °C"}]}'))
          }
        })
    )

    it.effect("streams a call in OpenAI's sequence, and nothing of its text", () =>
      Effect.gen(function* () {
        const world = yield* World
        for (const { name, says } of sides(world)) {
          says(calling("Тула"))
          const deltas = deltasOf(yield* streamOf(world.chat, { model: `${name}-words`, messages: [user], tools }))
          const id = deltas[1]?.tool_calls?.[0]?.id ?? ""
          assert.match(id, /^call_[0-9a-f]{24}$/)
          assert.deepStrictEqual(deltas, [
            { role: "assistant", content: "", finish_reason: null },
            {
              tool_calls: [{ index: 0, id, type: "function", function: { name: "weather/now", arguments: "" } }],
              finish_reason: null
            },
            { tool_calls: [{ index: 0, function: { arguments: '{"city":"Тула"}' } }], finish_reason: null },
            { finish_reason: "tool_calls" }
          ])
        }
      })
    )

    it.effect("lets words go as they come once they cannot be a call", () =>
      Effect.gen(function* () {
        const world = yield* World
        for (const { name, says } of sides(world)) {
          says('{"city": "Тула", "t": 21} — так')
          const deltas = deltasOf(yield* streamOf(world.chat, { model: `${name}-words`, messages: [user], tools }))
          const texts = deltas.flatMap(({ content }) => (content ? [content] : []))
          assert.strictEqual(texts.join(""), '{"city": "Тула", "t": 21} — так')
          assert.isAbove(texts.length, 1)
          assert.strictEqual(deltas.at(-1)?.finish_reason, "stop")
        }
      })
    )

    it.effect("has a faulty call mended once, and fails where a required one does not come", () =>
      Effect.gen(function* () {
        const world = yield* World
        for (const { name, says, sent } of sides(world)) {
          says(calling(21), calling("Тула"))
          const answer = yield* Effect.promise(() =>
            world.chat.create({ model: `${name}-words`, messages: [user], tools, tool_choice: "required" })
          )
          const [choice] = answer.choices
          assert.deepInclude(choice, { finish_reason: "tool_calls" })
          assert.deepInclude(choice?.message, { content: null })
          const [call] = choice?.message.tool_calls ?? []
          assert.deepInclude(call, { function: { name: "weather/now", arguments: '{"city":"Тула"}' } })
          assert.include(JSON.stringify(sent().at(-1)), "$.city must be string, not number")
          says("Не знаю", "Всё равно не знаю")
          const error = yield* failureOf(() =>
            world.chat.create({ model: `${name}-words`, messages: [user], tools, tool_choice: "required" })
          )
          assert.include(error, { status: 502 })
          assert.include(String(error), "answered in words where a call was required")
          assert.notInclude(String(error), "знаю")
          // Both answers are paid for, whatever became of them.
          const usage = yield* world.gateway.admin("GET", `/usage?status=failed&model=${name}-words`)
          const [row] = usage.json.data
          assert.deepInclude(row, { finish_reason: null, estimated: false })
          assert.isAbove(row.tokens_prompt, (answer.usage?.prompt_tokens ?? Infinity) / 2)
          assert.isAbove(row.tokens_completion, 0)
        }
      })
    )

    it.effect("goes together with several choices, stops and a form of the answer", () =>
      Effect.gen(function* () {
        const world = yield* World
        const { yandex } = world
        // Its form beside tools, several choices, and a stop that is in a call's text too.
        yandex.next(Yandex.says(calling("Тула")), Yandex.says('```json\n{"t":21,"city":"Тула"}\n```'))
        const answer = yield* Effect.promise(() =>
          world.chat.create({
            model: "yandex-words",
            messages: [user],
            tools,
            n: 2,
            stop: ['","', "arguments"],
            response_format: { type: "json_object" }
          })
        )
        const said = answer.choices.map(({ finish_reason, message }) => [finish_reason, message.content])
        assert.sameDeepMembers(said, [
          ["tool_calls", null],
          ["stop", '{"t":21,"city":"Тула"}']
        ])
      })
    )

    it.effect("of GigaChat requires a call of any of several functions, and lets out no word before there is one", () =>
      Effect.gen(function* () {
        const { chat, gigachat } = yield* World
        const required = { model: "gigachat/GigaChat-2", messages: [user], tools, tool_choice: "required" as const }
        const call = { name: "weather_now", arguments: { city: "Тула" } }
        for (const stream of [false, true]) {
          gigachat.next(GigaChat.answering({ pieces: ["Не ", "знаю"] }))
          gigachat.next(GigaChat.answering({ pieces: [], call }))
          const before = gigachat.chats().length
          const said = stream
            ? deltasOf(yield* streamOf(chat, required))
            : (yield* Effect.promise(() => chat.create(required))).choices.map(({ message }) => message)
          const called = said.flatMap(({ tool_calls = [] }) =>
            tool_calls.map((call) => ("function" in call ? call.function?.arguments : undefined))
          )
          assert.strictEqual(called.join(""), '{"city":"Тула"}')
          assert.strictEqual(said.map(({ content }) => content ?? "").join(""), "")
          const [first, second] = gigachat.chats().slice(before)
          assert.deepNestedInclude(first?.body, { function_call: "auto", "functions[0].name": "weather_now" })
          assert.deepNestedInclude(first?.body, { "messages[0].role": "system", "messages[1]": user })
          assert.deepNestedInclude(second?.body, {
            function_call: "auto",
            "messages[2]": { role: "assistant", content: "Не знаю" },
            "messages[3].role": "user"
          })
          gigachat.next(GigaChat.answering({ pieces: ["Нет"] }))
          gigachat.next(GigaChat.answering({ pieces: ["И нет"] }))
          const error = yield* failureOf(async () =>
            stream ? all(await chat.create({ ...required, stream })) : chat.create(required)
          )
          assert.include(String(error), "called none of the functions of which one was required")
        }
      })
    )

    it.effect("is asked and answered in OpenAI's older words by every provider", () =>
      Effect.gen(function* () {
        const world = yield* World
        const { chat, gigachat, yandex } = world
        const call = { name: "weather_now", arguments: { city: "Тула" } }
        const native = { name: "weather/now", arguments: { city: "Тула" } }
        const calls: Readonly<Record<string, () => void>> = {
          "gigachat/GigaChat-2": () => gigachat.next(GigaChat.answering({ pieces: [], call })),
          "yandexgpt/yandexgpt-lite": () => yandex.next(Yandex.callsFunctions([native])),
          "yandex-words": () => yandex.next(Yandex.says(calling("Тула")))
        }
        const history = [
          user,
          {
            role: "assistant" as const,
            content: null,
            function_call: { name: "weather/now", arguments: '{"city":"Тула"}' }
          },
          { role: "function" as const, name: "weather/now", content: '{"t":21}' }
        ]
        const called = { name: "weather/now", arguments: '{"city":"Тула"}' }
        for (const [model, next] of Object.entries(calls)) {
          const asked = { model, messages: history, functions: [weather, clock] }
          next()
          const { choices } = yield* Effect.promise(() => chat.create(asked))
          assert.deepInclude(choices[0], { finish_reason: "function_call" })
          assert.deepInclude(choices[0]?.message, { content: null, function_call: called })
          assert.notProperty(choices[0]?.message, "tool_calls")
          next()
          const deltas = deltasOf(yield* streamOf(chat, asked))
          const pieces = deltas.flatMap(({ function_call }) => function_call ?? [])
          assert.strictEqual(pieces[0]?.name, "weather/now")
          assert.strictEqual(pieces.map((piece) => piece.arguments ?? "").join(""), called.arguments)
          assert.strictEqual(deltas.at(-1)?.finish_reason, "function_call")
        }
        assert.deepNestedInclude(yandex.completions.at(-3)?.body, {
          parallelToolCalls: false,
          "messages[1].toolCallList.toolCalls[0].functionCall": native,
          "messages[2].toolResultList.toolResults[0].functionResult": { name: "weather/now", content: '{"t":21}' }
        })
      })
    )

    it.effect("refuses several choices where they are set off, and says so beforehand", () =>
      Effect.gen(function* () {
        const { chat, gateway, gigachat, key } = yield* World
        const before = gigachat.chats().length
        const error = yield* failureOf(() => chat.create({ model: "gigachat/GigaChat-2", messages: [user], n: 2 }))
        assert.deepInclude(error, { status: 400, param: "n" })
        assert.include(String(error), "`n` is not supported by gigachat: each choice would be a call of its own")
        assert.strictEqual(gigachat.chats().length, before)
        assert.notInclude(yield* parametersOf(gateway, key, "gigachat/GigaChat-2"), "n")
        assert.include(yield* parametersOf(gateway, key, "yandexgpt/yandexgpt-lite"), "n")
        assert.include(yield* parametersOf(gateway, key, "yandex-words"), "tools")
      })
    )

    it.effect("holds GigaChat's answers against the caller's own schema", () =>
      Effect.gen(function* () {
        const { chat, gigachat } = yield* World
        // `minimum` is no word of GigaChat's.
        const schema = { type: "object", properties: { t: { type: "integer", minimum: 0 } }, required: ["t"] }
        const asked = {
          model: "gigachat/GigaChat-2",
          messages: [user],
          response_format: { type: "json_schema" as const, json_schema: { name: "weather", strict: true, schema } }
        }
        gigachat.next(GigaChat.answering({ pieces: ['{"t":-1}'] }))
        gigachat.next(GigaChat.answering({ pieces: ['{"t":21}'] }))
        const { choices } = yield* Effect.promise(() => chat.parse(asked))
        assert.strictEqual(choices[0]?.message.content, '{"t":21}')
        assert.include(JSON.stringify(gigachat.chats().at(-1)?.body), "$.t must be at least 0")
        assert.nestedProperty(gigachat.chats().at(-1)?.body, "response_format.schema")

        gigachat.next(GigaChat.answering({ pieces: ['{"t"', ":21}"] }))
        const deltas = deltasOf(yield* streamOf(chat, asked))
        assert.deepStrictEqual(
          deltas.map(({ content, finish_reason }) => [content ?? "", finish_reason]),
          [
            ["", null],
            ['{"t"', null],
            [":21}", null],
            ["", "stop"]
          ]
        )
        gigachat.next(GigaChat.answering({ pieces: ['{"t"', ":-1}"] }))
        const error = yield* failureOf(async () => all(await chat.create({ ...asked, stream: true })))
        assert.include(String(error), "$.t must be at least 0")
      })
    )

    it.effect("sends nothing that GigaChat would take in another way", () =>
      Effect.gen(function* () {
        const { gigachat } = yield* World
        assert.isAbove(gigachat.chats().length, 0)
        assert.deepStrictEqual(gigachat.violations, [])
      })
    )
  }
)
