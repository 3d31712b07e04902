import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import type { ResponseFormat } from "../../../src/domain/ChatRequest.ts"
import { emulated } from "../../../src/providers/emulation/Emulated.ts"
import { tells } from "../../support/ScriptedProvider.ts"
import {
  answeringInTurn,
  answers,
  ask,
  callOf,
  ended,
  fake,
  finished,
  incapable,
  started,
  text,
  textOf,
  thought,
  toolCall,
  used,
  usedTwice
} from "./scripts.ts"

const schema = {
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "number" } },
  required: ["city", "degrees"],
  additionalProperties: false
}
const weather: ResponseFormat = { type: "json_schema", json_schema: { name: "weather", strict: true, schema } }
const tula = '{"degrees": 21.0, "city": "Тула"}'
const doubled = finished(usedTwice)

const inTurn = answeringInTurn()

describe("`response_format` for a provider that does not keep to it", () => {
  it.effect.each([true, false])(
    "is asked for in words, and the bare JSON goes out in one piece at the end (stream: %s)",
    (stream) =>
      Effect.gen(function* () {
        const provider = inTurn(
          tells(
            started,
            thought("hm"),
            text('Sure:\n```json\n{"degrees": 21.0, '),
            text('"city": "Тула"}\n```'),
            ended(),
            finished(used(10, 5))
          )
        )
        const messages = [
          { role: "system", content: "Be brief" },
          { role: "user", content: "Weather?" }
        ] as const
        const told = yield* ask(emulated(provider), { messages, stream, response_format: weather })
        assert.deepStrictEqual(told, [started, thought("hm"), text(tula), ended(), finished(used(10, 5))])
        const [call] = provider.sent
        assert.notProperty(call?.request, "response_format")
        assert.deepStrictEqual(
          call?.request.messages.map(({ role }) => role),
          ["system", "system", "user"]
        )
        const instruction = call?.request.messages[1]?.content
        assert.include(instruction, JSON.stringify(schema))
        assert.deepStrictEqual([call?.request.messages[0], call?.request.messages[2]], [...messages])
      })
  )

  it.effect("gives the model one chance to mend it, and sums what both answers used", () =>
    Effect.gen(function* () {
      const provider = inTurn(answers('{"city":"Тула","degrees":"warm"}'), answers(tula))
      const told = yield* ask(emulated(provider), { response_format: weather })
      assert.deepStrictEqual(told, [started, text(tula), ended(), doubled])
      const [before, again] = provider.sent.map(({ request }) => request.messages)
      assert.deepStrictEqual(again?.slice(0, -2), before)
      assert.deepStrictEqual(again?.at(-2), { role: "assistant", content: '{"city":"Тула","degrees":"warm"}' })
      assert.include(again?.at(-1)?.content, "$.degrees must be number, not string")
    })
  )

  it.effect("fails where the mended answer is none either, without the text in its words", () =>
    Effect.gen(function* () {
      const provider = inTurn(answers("It is warm"), answers('{"city":"Secret"}'))
      const error = yield* Effect.flip(ask(emulated(provider), { response_format: weather, stream: true }))
      assert.deepInclude(error, { _tag: "ProviderError", reason: "provider_invalid_answer", provider: "fake" })
      assert.include(error.message, '$ lacks "degrees"')
      assert.notInclude(JSON.stringify(error), "Secret")
      assert.deepStrictEqual([provider.sent.length, provider.open()], [2, 0])
      assert.include(provider.sent[1]?.request.messages.at(-1)?.content, "no complete JSON")
    })
  )

  it.effect("asks again without the answer where there was none", () =>
    Effect.gen(function* () {
      const provider = inTurn(tells(started, ended(), finished(used(10, 5))), answers("{}"))
      const told = yield* ask(emulated(provider), { response_format: { type: "json_object" } })
      assert.strictEqual(textOf(told), "{}")
      assert.deepStrictEqual(
        provider.sent[1]?.request.messages.map(({ role }) => role),
        ["system", "user", "user"]
      )
    })
  )

  it.effect("of any object takes any object, and nothing else", () =>
    Effect.gen(function* () {
      const asked = { response_format: { type: "json_object" } }
      const object = yield* ask(emulated(inTurn(answers('Here: {"a":[1]} there'))), asked)
      assert.strictEqual(textOf(object), '{"a":[1]}')
      const mended = yield* ask(emulated(inTurn(answers("[1]"), answers('{"a":1}'))), asked)
      assert.strictEqual(textOf(mended), '{"a":1}')
    })
  )

  const exempt: ReadonlyArray<readonly [string, ReadonlyArray<ChatEvent>]> = [
    ["calls a tool", [started, toolCall('{"a":1}'), ended("tool_calls"), finished(used(10, 5))]],
    ["was cut at its length", [started, text('{"city":"Ту'), ended("length"), finished(used(10, 5))]],
    [
      "was withheld by a filter",
      [started, text("Let us not speak of it"), ended("content_filter"), finished(used(10, 5))]
    ]
  ]
  it.effect.each(exempt)("passes on an answer that %s", ([, events]) =>
    Effect.gen(function* () {
      const tools = [{ type: "function", function: { name: "f" } }]
      const provider = inTurn(tells(...events))
      assert.deepStrictEqual(yield* ask(emulated(provider), { response_format: weather, tools, stream: true }), events)
      const mended = inTurn(answers("no"), tells(...events))
      assert.deepStrictEqual(yield* ask(emulated(mended), { response_format: weather, tools }), [
        ...events.slice(0, -1),
        doubled
      ])
    })
  )

  it.effect("cuts the JSON at a stop, and not what stood around it", () =>
    Effect.gen(function* () {
      const provider = inTurn(answers(`Sure, "city": ${tula}`))
      const told = yield* ask(emulated(provider), { response_format: weather, stop: ["Sure", ', "city"'] })
      assert.strictEqual(textOf(told), '{"degrees": 21.0')
    })
  )

  it.effect("is kept by each of several choices, even where the provider gives several", () =>
    Effect.gen(function* () {
      const provider = fake(() => answers(`So: ${tula}`), { ...incapable, parameters: new Set(["n"]) })
      const told = yield* ask(emulated(provider), { response_format: weather, n: 2 })
      assert.deepStrictEqual([textOf(told, 0), textOf(told, 1)], [tula, tula])
    })
  )

  it.effect("is left to the provider in the kind that it keeps to", () =>
    Effect.gen(function* () {
      const provider = fake(() => answers("{}"), {
        ...incapable,
        parameters: new Set(["response_format"]),
        formats: new Set(["json_object"])
      })
      const native = { response_format: { type: "json_object" } }
      yield* ask(emulated(provider), native)
      yield* ask(emulated(provider), { response_format: { type: "text" } })
      assert.deepStrictEqual(provider.sent, [callOf(native), callOf({ response_format: { type: "text" } })])
    })
  )

  it.effect("is refused where its schema is missing or refers to nothing", () =>
    Effect.gen(function* () {
      const provider = fake(() => answers("{}"))
      const refused = (response_format: ResponseFormat) => Effect.flip(ask(emulated(provider), { response_format }))
      assert.deepInclude(yield* refused({ type: "json_schema" }), {
        _tag: "ValidationError",
        param: "response_format.json_schema"
      })
      const dangling = { properties: { a: { $ref: "#/$defs/Nowhere" } } }
      const error = yield* refused({ type: "json_schema", json_schema: { name: "x", schema: dangling } })
      assert.deepInclude(error, { _tag: "ValidationError", param: "response_format.json_schema.schema" })
      assert.include(error.message, "#/$defs/Nowhere")
      assert.strictEqual(provider.prepared.length, 0)
    })
  )

  it.effect("closes the upstream where the reader leaves before the end", () =>
    Effect.gen(function* () {
      const provider = inTurn(Stream.concat(tells(started, text("{")), Stream.never))
      const { events } = yield* emulated(provider).prepare(callOf({ response_format: weather, stream: true }))
      const reading = yield* Effect.forkChild(Stream.runDrain(events), { startImmediately: true })
      yield* Effect.yieldNow
      assert.strictEqual(provider.open(), 1)
      yield* Fiber.interrupt(reading)
      assert.strictEqual(provider.open(), 0)
    })
  )
})
