import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as Scripted from "../support/ScriptedUpstream.ts"
import * as Yandex from "../support/YandexUpstream.ts"
import {
  ask,
  calling,
  forms,
  gigaChatModel,
  gigaChatSays,
  gigaChatSent,
  messagesIn,
  result,
  tool,
  user,
  userText,
  Vendors,
  yandexModel,
  yandexSent
} from "./edgeCases.ts"

/** What of an OpenAI client's request no vendor would take as it stands. The upstreams are as strict as the vendors are. */
layer(Vendors.layer(), { excludeTestServices: true })("what a vendor is sent", (it) => {
  for (const { as, stream } of forms) {
    it.effect(
      `1. \`temperature\` 0 is \`top_p\` 0 for GigaChat, whatever the caller's own, and 0 for YandexGPT (${as})`,
      () =>
        Effect.gen(function* () {
          yield* gigaChatSays()
          const answer = yield* ask(gigaChatModel, { stream, temperature: 0, top_p: 0.9 })
          assert.deepStrictEqual([answer.status, answer.content], [200, "Раз, два, три."])
          assert.deepInclude(yield* gigaChatSent, { top_p: 0 })
          assert.notProperty(yield* gigaChatSent, "temperature")

          assert.strictEqual((yield* ask(yandexModel, { stream, temperature: 0 })).content, Yandex.defaultAnswer)
          assert.deepStrictEqual(optionsIn(yield* yandexSent), { stream, temperature: 0 })
        })
    )

    it.effect(
      `2. tools without a \`tool_choice\` may be called; without tools there is nothing to choose (${as})`,
      () =>
        Effect.gen(function* () {
          const { gigachat } = yield* Vendors
          yield* gigaChatSays()
          assert.strictEqual((yield* ask(gigaChatModel, { stream, tools: [tool("weather")] })).status, 200)
          assert.deepInclude(yield* gigaChatSent, { function_call: "auto" })
          assert.strictEqual((yield* ask(gigaChatModel, { stream })).status, 200)
          assert.doesNotHaveAnyKeys(yield* gigaChatSent, ["functions", "function_call"])
          assert.deepStrictEqual(gigachat.violations, [])

          // YandexGPT's own default is the same.
          assert.strictEqual((yield* ask(yandexModel, { stream, tools: [tool("weather")] })).status, 200)
          assert.property(yield* yandexSent, "tools")
          assert.notProperty(yield* yandexSent, "toolChoice")
          assert.strictEqual((yield* ask(yandexModel, { stream })).status, 200)
          assert.doesNotHaveAnyKeys(yield* yandexSent, ["tools", "toolChoice"])
        })
    )

    it.effect(`3. a tool's result is JSON text for GigaChat, and the text itself for YandexGPT (${as})`, () =>
      Effect.gen(function* () {
        yield* gigaChatSays()
        for (const [given, sent] of [
          ["21 °C", '{"result":"21 °C"}'],
          ['{"t":21}', '{"t":21}'],
          ["", "{}"],
          ["NaN", '{"result":"NaN"}']
        ] as const) {
          const messages = [user, calling(["a", "weather", "{}"]), result("a", given)]
          assert.strictEqual((yield* ask(gigaChatModel, { stream, messages })).status, 200)
          assert.deepNestedInclude(yield* gigaChatSent, {
            "messages[2]": { role: "function", name: "weather", content: sent }
          })
          assert.strictEqual((yield* ask(yandexModel, { stream, messages })).status, 200)
          assert.deepNestedInclude(yield* yandexSent, {
            "messages[2].toolResultList.toolResults[0].functionResult": { name: "weather", content: given }
          })
        }
      })
    )

    it.effect(
      `4. two calls with their results in reverse are pairs for GigaChat, a list and a list for YandexGPT (${as})`,
      () =>
        Effect.gen(function* () {
          yield* gigaChatSays()
          const messages = [
            user,
            calling(["a", "weather", '{"city":"Тула"}'], ["b", "clock", "{}"]),
            result("b", '"12:00"'),
            result("a", "21")
          ]
          assert.strictEqual((yield* ask(gigaChatModel, { stream, messages })).status, 200)
          const called = (name: string, args: object) => ({
            role: "assistant",
            content: "",
            function_call: { name, arguments: args }
          })
          assert.deepStrictEqual(messagesIn(yield* gigaChatSent), [
            user,
            called("weather", { city: "Тула" }),
            { role: "function", name: "weather", content: "21" },
            called("clock", {}),
            { role: "function", name: "clock", content: '"12:00"' }
          ])

          assert.strictEqual((yield* ask(yandexModel, { stream, messages })).status, 200)
          assert.deepStrictEqual(messagesIn(yield* yandexSent), [
            userText,
            {
              role: "assistant",
              toolCallList: {
                toolCalls: [
                  { functionCall: { name: "weather", arguments: { city: "Тула" } } },
                  { functionCall: { name: "clock", arguments: {} } }
                ]
              }
            },
            {
              role: "user",
              toolResultList: {
                toolResults: [
                  { functionResult: { name: "weather", content: "21" } },
                  { functionResult: { name: "clock", content: '"12:00"' } }
                ]
              }
            }
          ])
        })
    )

    it.effect(
      `5. arguments of no text are an empty object; of text that is no JSON they are refused by their path (${as})`,
      () =>
        Effect.gen(function* () {
          const { gigachat, yandex } = yield* Vendors
          yield* gigaChatSays()
          const told = (text: string) => ({
            stream,
            messages: [user, calling(["a", "weather", text]), result("a", "21")]
          })
          assert.strictEqual((yield* ask(gigaChatModel, told(""))).status, 200)
          assert.deepNestedInclude(yield* gigaChatSent, { "messages[1].function_call.arguments": {} })
          assert.strictEqual((yield* ask(yandexModel, told(""))).status, 200)
          assert.deepNestedInclude(yield* yandexSent, {
            "messages[1].toolCallList.toolCalls[0].functionCall.arguments": {}
          })
          const before = [gigachat.chats().length, yandex.completions.length]
          for (const model of [gigaChatModel, yandexModel]) {
            const { error, status } = yield* ask(model, told('{"bad'))
            assert.strictEqual(status, 400)
            assert.deepInclude(error, {
              type: "invalid_request_error",
              param: "messages[1].tool_calls[0].function.arguments"
            })
          }
          assert.deepStrictEqual([gigachat.chats().length, yandex.completions.length], before)
        })
    )

    it.effect(`7. instructions stand first and together for GigaChat, where they stood for YandexGPT (${as})`, () =>
      Effect.gen(function* () {
        yield* gigaChatSays()
        const system = (content: string) => ({ role: "system", content })
        const again = { role: "user", content: "А завтра?" }
        for (const [messages, sent] of [
          [
            [user, system("Кратко"), again],
            [system("Кратко"), { role: "user", content: "Погода в Туле?\nА завтра?" }]
          ],
          [
            [system("Кратко"), system("По-русски"), user],
            [system("Кратко\n\nПо-русски"), user]
          ],
          [[system("Кратко")], [system("Кратко")]]
        ]) {
          assert.strictEqual((yield* ask(gigaChatModel, { stream, messages })).status, 200)
          assert.deepStrictEqual(messagesIn(yield* gigaChatSent), sent)
          assert.strictEqual((yield* ask(yandexModel, { stream, messages })).status, 200)
          assert.deepStrictEqual(
            messagesIn(yield* yandexSent),
            messages?.map(({ content, role }) => ({ role, text: content }))
          )
        }

        const { gigachat } = yield* Vendors
        gigachat.next(Scripted.json(422, { status: 422, message: "Invalid params: there is no user message\n" }))
        const { error, status } = yield* ask(gigaChatModel, { stream, messages: [system("Кратко")] })
        assert.strictEqual(status, 400)
        assert.strictEqual(error.type, "invalid_request_error")
        assert.include(error.message, "there is no user message")
      })
    )

    it.effect(`8. a developer's word is an instruction like any other, wherever it stands (${as})`, () =>
      Effect.gen(function* () {
        yield* gigaChatSays()
        const messages = [user, { role: "developer", content: "Кратко" }]
        assert.strictEqual((yield* ask(gigaChatModel, { stream, messages })).status, 200)
        assert.deepStrictEqual(messagesIn(yield* gigaChatSent), [{ role: "system", content: "Кратко" }, user])
        assert.strictEqual((yield* ask(yandexModel, { stream, messages })).status, 200)
        assert.deepStrictEqual(messagesIn(yield* yandexSent), [userText, { role: "system", text: "Кратко" }])
      })
    )

    for (const name of ["web_search", "mcp.server/tool"]) {
      it.effect(
        `25. a schema as pydantic and zod write it is taken, and \`${name}\` called by the name it was given (${as})`,
        () =>
          Effect.gen(function* () {
            const { yandex } = yield* Vendors
            const tools = [tool(name, pydantic), tool("now", { type: "object" })]
            const args = { note: "дождь", node: { children: [] }, level: 2, kind: "a", free: {} }

            const sent = yield* offered(stream, tools)
            assert.lengthOf(sent, 2)
            assert.notStrictEqual(sent[0], "web_search")
            yield* gigaChatSays({ pieces: [], call: { name: sent[0] ?? "", arguments: args } })
            const answer = yield* ask(gigaChatModel, { stream, tools })
            assert.deepStrictEqual(
              answer.calls.map((call) => [call.name, JSON.parse(call.arguments)]),
              [[name, args]]
            )

            yandex.next(Yandex.callsFunctions([{ name, arguments: args }]))
            const other = yield* ask(yandexModel, { stream, tools })
            assert.deepStrictEqual(
              other.calls.map((call) => [call.name, JSON.parse(call.arguments)]),
              [[name, args]]
            )
            assert.deepNestedInclude(yield* yandexSent, { "tools[0].function.parameters": pydantic })
          })
      )
    }
  }
})

/** The names under which GigaChat was offered the tools. */
const offered = Effect.fnUntraced(function* (stream: boolean, tools: ReadonlyArray<object>) {
  yield* gigaChatSays()
  assert.strictEqual((yield* ask(gigaChatModel, { stream, tools })).status, 200)
  // oxlint-disable-next-line typescript/no-explicit-any -- as in Answer
  const body: any = yield* gigaChatSent
  return body.functions.map(({ name }: { readonly name: string }) => name) as ReadonlyArray<string>
})

// oxlint-disable-next-line typescript/no-explicit-any -- as in Answer
const optionsIn = (body: any): unknown => body?.completionOptions

/** A union with null, a reference that meets itself, numbers in an enum, a constant, an object that says nothing of itself. */
const pydantic = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Report",
  type: "object",
  properties: {
    note: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    node: { $ref: "#/$defs/Node" },
    level: { enum: [1, 2] },
    kind: { const: "a" },
    free: { type: "object" }
  },
  required: ["node"],
  additionalProperties: false,
  $defs: {
    Node: { type: "object", properties: { children: { type: "array", items: { $ref: "#/$defs/Node" } } } }
  }
}
