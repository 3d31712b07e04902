import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { emulated } from "../../../src/providers/emulation/Emulated.ts"
import type { Abilities } from "../../../src/providers/Provider.ts"
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
  toolCall,
  used,
  usedTwice
} from "./scripts.ts"

const schema = { type: "object", properties: { t: { type: "integer", minimum: 0 } }, required: ["t"] }
const response_format = { type: "json_schema", json_schema: { name: "weather", schema } }
const narrow: Abilities = {
  ...incapable,
  parameters: new Set(["response_format"]),
  formats: new Set(["json_schema"]),
  isSchemaNarrow: true
}
const inTurn = answeringInTurn(narrow)

describe("an answer in a form that its provider knows only in part", () => {
  it.effect("is held against the caller's, and goes back once where it does not fit", () =>
    Effect.gen(function* () {
      const provider = inTurn(answers('{"t":-1}'), answers('{"t":', " 21}"))
      const told = yield* ask(emulated(provider), { response_format })
      assert.strictEqual(textOf(told), '{"t": 21}')
      assert.deepInclude(told.at(-1), {
        usage: usedTwice
      })
      assert.deepStrictEqual(provider.sent[0], callOf({ response_format }))
      const again = provider.sent[1]?.request
      assert.deepInclude(again, { response_format })
      assert.include(again?.messages.at(-1)?.content, "$.t must be at least 0")
    })
  )

  it.effect("that is none in the end is a failure", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ask(emulated(inTurn(answers("{}"), answers("[]"))), { response_format }))
      assert.deepInclude(error, { _tag: "ProviderError", reason: "provider_invalid_answer" })
    })
  )

  const streamed = Effect.fnUntraced(function* (...events: ReadonlyArray<ChatEvent>) {
    const provider = inTurn(tells(...events))
    const prepared = yield* emulated(provider).prepare(callOf({ response_format, stream: true }))
    const seen: Array<ChatEvent> = []
    const exit = yield* Effect.result(
      Stream.runForEach(prepared.events, (event) => Effect.sync(() => seen.push(event)))
    )
    assert.deepStrictEqual([provider.sent.length, provider.open()], [1, 0])
    return { seen, failure: exit._tag === "Failure" ? exit.failure : undefined }
  })

  it.effect("is streamed as it comes, and fails in place of its end where it does not fit", () =>
    Effect.gen(function* () {
      const good = [started, text('{"t"'), text(":21}\n"), ended(), finished()]
      assert.deepStrictEqual(yield* streamed(...good), { seen: good, failure: undefined })
      for (const [pieces, fault] of [
        [['{"t"', ":-1}"], "$.t must be at least 0"],
        [["```json\n", '{"t":1}\n```'], "there is more in it than JSON"],
        [["Two"], "there is no complete JSON in it"],
        [[], "there is no complete JSON in it"]
      ] as const) {
        const said = [started, ...pieces.map((piece) => text(piece))]
        const { failure, seen } = yield* streamed(...said, ended(), finished())
        assert.deepStrictEqual(seen, said)
        assert.deepInclude(failure, { _tag: "ProviderError", reason: "provider_invalid_answer" })
        assert.include(failure?.message, fault)
      }
    })
  )

  it.effect("is passed on where it calls, was cut or withheld", () =>
    Effect.gen(function* () {
      for (const events of [
        [started, text('{"t'), ended("length"), finished(used(10, 5))],
        [started, text("No"), ended("content_filter"), finished(used(10, 5))],
        [started, text("So"), toolCall("{}"), ended("tool_calls"), finished(used(10, 5))]
      ]) {
        assert.deepStrictEqual(yield* streamed(...events), { seen: events, failure: undefined })
        assert.deepStrictEqual(yield* ask(emulated(inTurn(tells(...events))), { response_format }), events)
      }
    })
  )

  it.effect("is left alone where the provider knows it whole", () =>
    Effect.gen(function* () {
      const provider = fake(() => answers("none"), { ...narrow, isSchemaNarrow: false })
      assert.strictEqual(textOf(yield* ask(emulated(provider), { response_format })), "none")
    })
  )
})
