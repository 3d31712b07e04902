import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schema, Stream } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import type { ProviderFailure } from "../../../src/domain/Errors.ts"
import { emulated } from "../../../src/providers/emulation/Emulated.ts"
import { tells } from "../../support/ScriptedProvider.ts"
import golden from "./golden/prompted-tools.json" with { type: "json" }
import {
  answeringInTurn,
  answers,
  callOf,
  ended,
  type Fake,
  fake,
  finished,
  started,
  text,
  textOf,
  thought,
  toolCall,
  used,
  usedTwice
} from "./scripts.ts"

const schema = { type: "object", properties: { a: { type: "integer" } }, required: ["a"] }
const tools = ["f", "g"].map((name) => ({ type: "function", function: { name, parameters: schema } }))
const calls = (...made: ReadonlyArray<readonly [name: string, args: unknown]>) =>
  JSON.stringify({ tool_calls: made.map(([name, args]) => ({ name, arguments: args })) })
const f1 = calls(["f", { a: 1 }])
const doubled = finished(usedTwice)

const inTurn = answeringInTurn()

const prepare = (provider: Fake, more: Partial<ChatRequest>) =>
  emulated(provider).prepare({ ...callOf({ tools, ...more }), tools: "prompt" })
const ask = (provider: Fake, more: Partial<ChatRequest> = {}) =>
  Effect.flatMap(
    prepare(provider, more),
    ({ events, whole }): Effect.Effect<ReadonlyArray<ChatEvent>, ProviderFailure> => whole ?? Stream.runCollect(events)
  )

/** Without the ids, which are made. */
const anonymous = (events: ReadonlyArray<ChatEvent>) =>
  events.map((event) => (event._tag === "ToolCallDelta" && event.id !== undefined ? { ...event, id: "made" } : event))
const call = (call: number, name: string, args: string): ReadonlyArray<ChatEvent> => [
  { _tag: "ToolCallDelta", choice: 0, call, id: "made", name, arguments: "" },
  { _tag: "ToolCallDelta", choice: 0, call, arguments: args }
]
const wordsTo = (provider: Fake, index = 0) => {
  const [first] = provider.sent[index]?.request.messages ?? []
  return first?.role === "system" && typeof first.content === "string" ? first.content : ""
}

const both = [true, false]

describe("tools of a model that is told of them", () => {
  it.effect("are said as the golden file has it, the conversation with them", () =>
    Effect.gen(function* () {
      const request: unknown = golden.openai
      if (!Schema.is(ChatRequest)(request)) return assert.fail("The golden file holds no request")
      const provider = fake(() => answers("hi"))
      yield* emulated(provider).prepare({ ...callOf({}), request, tools: "prompt" })
      assert.deepStrictEqual(JSON.parse(JSON.stringify(provider.prepared[0]?.request)), golden.sent)
    })
  )

  it.effect.each(both)(
    "are called in its words, several at once, with ids that are all others' (stream: %s)",
    (stream) =>
      Effect.gen(function* () {
        const provider = inTurn(
          tells(
            started,
            thought("hm"),
            text(' {"tool_'),
            text('calls": [{"name":"f","arguments":{"a":1.0}},'),
            text('{"name":"g","arguments":{"a":12345678901234567890}}]}\n'),
            ended(),
            finished(used(10, 5))
          )
        )
        const told = yield* ask(provider, { stream })
        assert.deepStrictEqual(anonymous(told), [
          started,
          thought("hm"),
          ...call(0, "f", '{"a":1.0}'),
          ...call(1, "g", '{"a":12345678901234567890}'),
          ended("tool_calls"),
          finished(used(10, 5))
        ])
        const ids = told.flatMap((event) => (event._tag === "ToolCallDelta" ? (event.id ?? []) : []))
        assert.strictEqual(new Set(ids).size, 2)
        const { request } = provider.sent[0] ?? callOf({})
        for (const field of ["tools", "tool_choice", "parallel_tool_calls"]) assert.notProperty(request, field)
        assert.include(wordsTo(provider), JSON.stringify({ name: "g", parameters: schema }))
        assert.include(wordsTo(provider), "Several calls at once")
      })
  )

  it.effect.each(both)("are told beside what it says (stream: %s)", (stream) =>
    Effect.gen(function* () {
      const provider = inTurn(answers('{"content":"Let me see","tool_calls":[{"name":"f","arguments":{"a":1}}]}'))
      assert.deepStrictEqual(anonymous(yield* ask(provider, { stream })), [
        started,
        text("Let me see"),
        ...call(0, "f", '{"a":1}'),
        ended("tool_calls"),
        finished(used(10, 5))
      ])
    })
  )

  /** What goes out of a stream that has not ended, and whether leaving it closes the upstream. */
  const soFar = Effect.fnUntraced(function* (...pieces: ReadonlyArray<string>) {
    const provider = inTurn(Stream.concat(tells(started, ...pieces.map((piece) => text(piece))), Stream.never))
    const { events } = yield* prepare(provider, { stream: true })
    const seen: Array<ChatEvent> = []
    const reading = yield* Effect.forkChild(
      Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event))),
      { startImmediately: true }
    )
    yield* Effect.yieldNow
    yield* Fiber.interrupt(reading)
    assert.strictEqual(provider.open(), 0)
    return seen.flatMap((event) => (event._tag === "TextDelta" ? event.text : []))
  })

  it.effect("let words go on with the letter from which they can be no call, and hold a call back to its end", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* soFar("Т"), ["Т"])
      assert.deepStrictEqual(yield* soFar('{"', "tool_calls"), [])
      assert.deepStrictEqual(yield* soFar('{"', 'tool_calls" ', ': "'), ['{"', 'tool_calls" ', ': "'])
      assert.deepStrictEqual(yield* soFar(f1, "\n"), [])
      assert.deepStrictEqual(yield* soFar(f1, "\nSo", " be it"), [f1, "\nSo", " be it"])
    })
  )

  const faults: ReadonlyArray<readonly [string, string, Partial<ChatRequest>]> = [
    ["$.a must be integer, not string", calls(["f", { a: "1" }]), {}],
    ['$ lacks "a"', calls(["f", { a: 1 }], ["g", {}]), {}],
    ["calls a function that cannot be called", calls(["h", { a: 1 }]), {}],
    ["only one call is allowed", calls(["f", { a: 1 }], ["f", { a: 2 }]), { parallel_tool_calls: false }],
    ["the JSON is not complete", f1.slice(0, -2), {}],
    ["is no call", "Two", { tool_choice: "required" }],
    ["cannot be called", f1, { tool_choice: { type: "function", function: { name: "g" } } }],
    [
      "cannot be called",
      f1,
      { tool_choice: { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [tools[1] ?? {}] } } }
    ]
  ]
  it.effect.each(faults)("have one chance to be mended where %s", ([fault, faulty, more]) =>
    Effect.gen(function* () {
      for (const stream of both) {
        const good = calls(["g", { a: 1 }])
        const provider = inTurn(answers(faulty), answers(good))
        assert.deepStrictEqual(anonymous(yield* ask(provider, { ...more, stream })), [
          started,
          ...call(0, "g", '{"a":1}'),
          ended("tool_calls"),
          doubled
        ])
        const [before, again] = provider.sent.map(({ request }) => request.messages)
        assert.deepStrictEqual(again?.slice(0, -2), before)
        assert.deepStrictEqual(again?.at(-2), { role: "assistant", content: faulty })
        assert.include(again?.at(-1)?.content, fault)

        const hopeless = inTurn(answers(faulty), answers(faulty))
        const error = yield* Effect.flip(ask(hopeless, { ...more, stream }))
        assert.deepInclude(error, { _tag: "ProviderError", reason: "provider_invalid_answer", provider: "fake" })
        assert.notInclude(error.message, faulty)
        assert.deepStrictEqual([hopeless.sent.length, hopeless.open()], [2, 0])
      }
    })
  )

  it.effect("may be answered in words when asked again, unless a call is required", () =>
    Effect.gen(function* () {
      for (const stream of both) {
        const told = yield* ask(inTurn(answers(calls(["h", {}])), answers("Then two")), { stream })
        assert.deepStrictEqual(told, [started, text("Then two"), ended(), doubled])
      }
    })
  )

  it.effect("let out no word before a required call", () =>
    Effect.gen(function* () {
      const provider = inTurn(answers("Two", " more"), answers(f1))
      const told = yield* ask(provider, { tool_choice: "required", stream: true })
      assert.strictEqual(textOf(told), "")
      assert.include(wordsTo(provider), "This answer has to be a call:")
      const forced = inTurn(answers(f1))
      yield* ask(forced, { tool_choice: { type: "function", function: { name: "f" } } })
      assert.include(wordsTo(forced), "This answer has to be a call of f:")
    })
  )

  it.effect("are not told of with `tool_choice` none, and what looks like a call is words", () =>
    Effect.gen(function* () {
      const provider = inTurn(answers(f1))
      assert.strictEqual(textOf(yield* ask(provider, { tool_choice: "none" })), f1)
      assert.deepStrictEqual(provider.sent[0]?.request, callOf({}).request)
    })
  )

  const exempt: ReadonlyArray<ReadonlyArray<ChatEvent>> = [
    [started, text('{"tool_calls":[{"na'), ended("length"), finished(used(10, 5))],
    [started, text("Let us not speak of it"), ended("content_filter"), finished(used(10, 5))],
    [started, toolCall('{"a":"x"}'), ended("tool_calls"), finished(used(10, 5))],
    [started, ended(), finished(used(10, 5))]
  ]
  it.effect("pass on an answer that was cut, withheld, called by itself, or is empty", () =>
    Effect.gen(function* () {
      for (const stream of both) {
        for (const events of exempt) assert.deepStrictEqual(yield* ask(inTurn(tells(...events)), { stream }), events)
      }
    })
  )

  it.effect("are refused where they are no functions, or asked for what is not offered", () =>
    Effect.gen(function* () {
      const provider = inTurn()
      const refused = (more: Partial<ChatRequest>) =>
        Effect.map(Effect.flip(ask(provider, more)), (error) => ("param" in error ? error.param : undefined))
      assert.strictEqual(yield* refused({ tools: [{ type: "web_search" }] }), "tools[0].type")
      assert.strictEqual(yield* refused({ tools: [], tool_choice: "required" }), "tool_choice")
      assert.strictEqual(yield* refused({ tool_choice: { type: "function", function: { name: "x" } } }), "tool_choice")
      assert.strictEqual(provider.prepared.length, 0)
    })
  )

  it.effect("are none of a model's that was not said to lack them, nor of a request that has none", () =>
    Effect.gen(function* () {
      const native = fake(() => answers("hi"))
      yield* emulated(native).prepare(callOf({ tools }))
      assert.deepStrictEqual(native.prepared, [callOf({ tools })])
      const plain = fake(() => answers("hi"))
      const asked = { ...callOf({}), tools: "prompt" as const }
      yield* emulated(plain).prepare(asked)
      assert.deepStrictEqual(plain.prepared, [asked])
    })
  )

  it.effect("leave nothing else to a provider that would do it: a stop would cut a call", () =>
    Effect.gen(function* () {
      const { abilities: _, ...able } = fake(() => answers(f1))
      const asked = {
        ...callOf({ tools, stop: '","', n: 2, response_format: { type: "json_object" } }),
        tools: "prompt" as const
      }
      const { events } = yield* emulated(able).prepare(asked)
      const told = yield* Stream.runCollect(events)
      assert.lengthOf(
        told.filter((event) => event._tag === "ToolCallDelta" && event.id !== undefined),
        2
      )
      for (const { request } of able.sent) {
        for (const field of ["n", "stop", "response_format", "tools"]) assert.notProperty(request, field)
      }
    })
  )
})
