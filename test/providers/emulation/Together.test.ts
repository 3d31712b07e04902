import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Schema, Stream } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import type { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import { emulated } from "../../../src/providers/emulation/Emulated.ts"
import type { Abilities } from "../../../src/providers/Provider.ts"
import { UnfitAnswer } from "../../../src/providers/UnfitAnswer.ts"
import { tells } from "../../support/ScriptedProvider.ts"
import { callOf, ended, fake, finished, incapable, started, text, textOf, thought, toolCall } from "./scripts.ts"

const tools = [
  { type: "function", function: { name: "f", parameters: { type: "object", required: ["a"] } } },
  { type: "function", function: { name: "g" } }
]
const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"], additionalProperties: false }
const json_schema = { name: "s", schema }

const said = {
  words: "Погода 😀 хорошая",
  json: '{"a":1}',
  fenced: '```json\n{"a": 1}\n```',
  wrong: '{"a":"x"}',
  call: '{"content":"Ищу","tool_calls":[{"name":"f","arguments":{"a":1}}]}',
  broken: '{"tool_calls":[{"name":"f","arguments":{}}]}',
  "": ""
} as const

const Case = Schema.Struct({
  stream: Schema.Boolean,
  n: Schema.Literals([1, 2, 5]),
  stop: Schema.Literals(["нет такого", "рош", "no"]),
  format: Schema.Literals(["json_object", "json_schema", "none"]),
  tools: Schema.Literals(["native", "prompt", "none"]),
  choice: Schema.Literals(["auto", "required"]),
  sizes: Schema.Literals([1, 2, 3, 7, 100]),
  answers: Schema.NonEmptyArray(Schema.Literals(["words", "json", "fenced", "wrong", "call", "broken", "", "native"])),
  canTools: Schema.Boolean,
  leavesAt: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
})

const subject = (given: typeof Case.Type) => {
  const abilities: Abilities = {
    ...incapable,
    parameters: new Set(["tools", "tool_choice"]),
    isCallNamed: true,
    ...(given.format === "json_schema" && given.canTools
      ? { formats: new Set(["json_schema"] as const), isSchemaNarrow: true }
      : {})
  }
  const provider = fake((_, index) => {
    const name = given.answers[index % given.answers.length] ?? "words"
    const usage = { promptTokens: 1000 ** (index % 4), completionTokens: 1, cachedTokens: 0, reasoningTokens: 0 }
    if (name === "native") return tells(started, toolCall('{"a":1}'), ended("tool_calls"), finished(usage))
    const whole = said[name]
    const pieces = Array.from({ length: Math.ceil(whole.length / given.sizes) }, (_, at) =>
      text(whole.slice(at * given.sizes, (at + 1) * given.sizes))
    )
    return tells(started, thought("Хм"), ...pieces, ended(), finished(usage))
  }, abilities)
  const request: Partial<ChatRequest> = {
    stream: given.stream,
    n: given.n,
    ...(given.stop === "no" ? {} : { stop: given.stop }),
    ...(given.format === "none" ? {} : { response_format: { type: given.format, json_schema } }),
    ...(given.tools === "none" ? {} : { tools, tool_choice: given.choice })
  }
  const call = { ...callOf(request), ...(given.tools === "prompt" ? { tools: "prompt" as const } : {}) }
  return { provider, prepared: emulated(provider).prepare(call) }
}

describe("whatever is made up for, and whatever comes", () => {
  it.effect.prop("an answer is one answer, or a failure that leaves nothing open", { given: Case }, ({ given }) =>
    Effect.gen(function* () {
      const { prepared, provider } = subject(given)
      const heard: Array<ChatEvent> = []
      const exit = yield* Effect.exit(
        Effect.flatMap(prepared, ({ events, whole }) =>
          whole === undefined
            ? Stream.runForEach(events, (event) => Effect.sync(() => void heard.push(event)))
            : Effect.map(whole, (events) => void heard.push(...events))
        )
      )
      assert.strictEqual(provider.open(), 0)
      const isOver = (event: ChatEvent) => event._tag === "Finished"
      if (Exit.isFailure(exit)) {
        assert.instanceOf(Cause.squash(exit.cause), UnfitAnswer)
        return assert.isFalse(heard.some(isOver))
      }
      assert.strictEqual(heard[0]?._tag, "Started")
      assert.lengthOf(
        heard.filter(({ _tag }) => _tag === "Started"),
        1
      )
      assert.strictEqual(heard.findIndex(isOver), heard.length - 1)
      const last = heard.at(-1)
      for (let choice = 0; choice < given.n; choice++) {
        const own = heard.filter((event) => "choice" in event && event.choice === choice)
        const end = own.at(-1)
        assert.lengthOf(
          own.filter(({ _tag }) => _tag === "ChoiceFinished"),
          1
        )
        const isCall = own.some(({ _tag }) => _tag === "ToolCallDelta")
        assert.deepEqual(end, { _tag: "ChoiceFinished", choice, reason: isCall ? "tool_calls" : "stop" })
        const words = textOf(heard, choice)
        if (given.stop === "рош") assert.notInclude(words, "рош")
        else if (given.format !== "none" && !isCall) assert.isObject(JSON.parse(words))
        else if (!isCall) {
          assert.include(Object.values(said), words)
          if (given.tools === "prompt") assert.notStrictEqual(words, said.call)
        }
        if (given.tools !== "none" && given.choice === "required") assert.isTrue(isCall)
      }
      // What was cut at a stop was not waited for.
      const isCut = last?._tag === "Finished" && last.usage === undefined && given.stop === "рош"
      if (!isCut) {
        const sent = provider.sent.map((_, index) => 1000 ** (index % 4)).reduce((sum, tokens) => sum + tokens, 0)
        assert.deepStrictEqual(last, {
          _tag: "Finished",
          usage: {
            promptTokens: sent,
            completionTokens: provider.sent.length,
            cachedTokens: 0,
            reasoningTokens: 0
          }
        })
      }
    })
  )

  it.effect.prop("a client that leaves leaves nothing open", { given: Case }, ({ given }) =>
    Effect.gen(function* () {
      const { prepared, provider } = subject({ ...given, stream: true })
      yield* Effect.exit(Effect.flatMap(prepared, ({ events }) => Stream.runDrain(Stream.take(events, given.leavesAt))))
      assert.strictEqual(provider.open(), 0)
    })
  )
})
