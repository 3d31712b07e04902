import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { ChatRequest } from "../../../src/domain/ChatRequest.ts"
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
  toolCall,
  used,
  usedTwice
} from "./scripts.ts"

const named: Abilities = { ...incapable, parameters: new Set(["tools", "tool_choice", "functions"]), isCallNamed: true }
const tools = ["f", "g", "h"].map((name) => ({ type: "function", function: { name } }))
const required = { tools, tool_choice: "required" as const }
const allowed = (mode: string, ...names: ReadonlyArray<string>): ChatRequest["tool_choice"] & object => ({
  type: "allowed_tools",
  allowed_tools: { mode, tools: names.map((name) => ({ type: "function", function: { name } })) }
})
const inTurn = answeringInTurn(named)
const calls = tells(started, text("Here: "), toolCall("{}"), ended("tool_calls"), finished(used(10, 5)))

describe("a call of any of several functions, of a provider that can require only a named one", () => {
  it.effect.each([true, false])(
    "is asked for in words, and an answer without one goes back once (stream: %s)",
    (stream) =>
      Effect.gen(function* () {
        const provider = inTurn(answers("Two", "!"), calls)
        const told = yield* ask(emulated(provider), { ...required, stream })
        assert.deepStrictEqual(told.slice(0, -1), [started, text("Here: "), toolCall("{}"), ended("tool_calls")])
        assert.deepInclude(told.at(-1), {
          usage: usedTwice
        })
        const [first, second] = provider.sent.map(({ request }) => request)
        assert.deepInclude(first, { tools, tool_choice: "auto" })
        assert.deepStrictEqual(
          first?.messages.map(({ role }) => role),
          ["system", "user"]
        )
        assert.deepStrictEqual(
          second?.messages.map(({ role }) => role),
          ["system", "user", "assistant", "user"]
        )
        assert.deepInclude(second?.messages[2], { content: "Two!" })
      })
  )

  it.effect.each([true, false])("that never comes is a failure, and none of its words go out (stream: %s)", (stream) =>
    Effect.gen(function* () {
      const provider = inTurn(answers("Two"), answers("Still two"))
      const { events } = yield* emulated(provider).prepare(callOf({ ...required, stream }))
      const seen: Array<unknown> = []
      const error = yield* Effect.flip(Stream.runForEach(events, (event) => Effect.sync(() => seen.push(event))))
      assert.deepInclude(error, { _tag: "ProviderError", reason: "provider_invalid_answer" })
      assert.include(error.message, "called none of the functions")
      assert.deepStrictEqual(seen, [])
      assert.strictEqual(provider.open(), 0)
    })
  )

  it.effect("passes on an answer that was cut at its length or withheld", () =>
    Effect.gen(function* () {
      for (const reason of ["length", "content_filter"] as const) {
        const events = [started, text("Tw"), ended(reason), finished()]
        assert.deepStrictEqual(yield* ask(emulated(inTurn(tells(...events))), required), events)
      }
    })
  )

  it.effect("is among those that are allowed", () =>
    Effect.gen(function* () {
      const provider = inTurn(calls)
      yield* ask(emulated(provider), { tools, tool_choice: allowed("required", "f", "g") })
      assert.deepInclude(provider.sent[0]?.request, { tool_choice: allowed("auto", "f", "g") })
    })
  )

  it.effect("is left to the provider where it can do it, and so is what is wrong with it", () =>
    Effect.gen(function* () {
      const choices: ReadonlyArray<Partial<ChatRequest>> = [
        { tools: tools.slice(0, 1), tool_choice: "required" },
        { tools, tool_choice: { type: "function", function: { name: "f" } } },
        { tools, tool_choice: allowed("required", "f") },
        { tools, tool_choice: allowed("auto", "f", "g") },
        { tools, tool_choice: "auto" },
        { tools, tool_choice: "none" },
        { tools: [], tool_choice: "required" },
        { tools: [{ type: "web_search" }, ...tools], tool_choice: "required" }
      ]
      for (const choice of choices) {
        const provider = fake(() => calls, named)
        yield* ask(emulated(provider), choice)
        assert.deepStrictEqual(provider.sent, [callOf(choice)])
      }
      const { isCallNamed: _, ...any } = named
      const provider = fake(() => calls, any)
      yield* ask(emulated(provider), required)
      assert.deepStrictEqual(provider.sent, [callOf(required)])
    })
  )
})

describe("a choice of tools, of a provider that leaves every call to its model", () => {
  const free: Abilities = { ...incapable, parameters: new Set(["tools"]), isCallFree: true }
  const inTurn = answeringInTurn(free)
  const byName: Partial<ChatRequest> = { tools, tool_choice: { type: "function", function: { name: "f" } } }
  const other = tells(started, toolCall("{}", "g"), ended("tool_calls"), finished(used(10, 5)))

  it.effect.each([true, false])(
    "that requires one offers nothing else, tells so in words, and takes no call of another (stream: %s)",
    (stream) =>
      Effect.gen(function* () {
        for (const refusal of [answers("Two"), other]) {
          const provider = inTurn(refusal, calls)
          const told = yield* ask(emulated(provider), { ...byName, stream })
          assert.deepStrictEqual(told.slice(0, -1), [started, text("Here: "), toolCall("{}"), ended("tool_calls")])
          assert.deepInclude(told.at(-1), { usage: usedTwice })
          for (const { request } of provider.sent) {
            assert.deepInclude(request, { tools: tools.slice(0, 1), tool_choice: "auto" })
            assert.strictEqual(request.messages[0]?.role, "system")
          }
        }
      })
  )

  it.effect("that requires any, or any of some, offers those and takes whichever the model calls", () =>
    Effect.gen(function* () {
      const [any, some] = [inTurn(other), inTurn(other)]
      yield* ask(emulated(any), required)
      assert.deepInclude(any.sent[0]?.request, { tools, tool_choice: "auto" })
      yield* ask(emulated(some), { tools, tool_choice: allowed("required", "g", "h") })
      assert.deepInclude(some.sent[0]?.request, { tools: tools.slice(1), tool_choice: "auto" })
    })
  )

  it.effect("that allows some and requires none offers those, and says nothing more", () =>
    Effect.gen(function* () {
      const provider = inTurn(answers("Two"))
      const choice = { tools, tool_choice: allowed("auto", "f", "g") }
      assert.deepStrictEqual(yield* ask(emulated(provider), choice), [...(yield* ask(inTurn(answers("Two")), choice))])
      const { messages } = callOf({}).request
      assert.deepInclude(provider.sent[0]?.request, { tools: tools.slice(0, 2), tool_choice: "auto", messages })
    })
  )

  it.effect("that is not kept to twice is a failure", () =>
    Effect.gen(function* () {
      for (const [refusal, did] of [
        [answers("Two"), "called none of the functions"],
        [other, "called a function that it may not call"]
      ] as const) {
        const error = yield* Effect.flip(ask(emulated(inTurn(refusal, refusal)), byName))
        assert.deepInclude(error, { _tag: "ProviderError", reason: "provider_invalid_answer" })
        assert.include(error.message, did)
      }
    })
  )

  it.effect("that asks for what is not offered is refused before anything is sent", () =>
    Effect.gen(function* () {
      for (const choice of [
        { tools, tool_choice: { type: "function", function: { name: "gone" } } },
        { tools: [], tool_choice: "required" as const },
        { tools: [{ type: "web_search" }, ...tools], tool_choice: "required" as const }
      ]) {
        const provider = inTurn()
        const error = yield* Effect.flip(emulated(provider).prepare(callOf(choice)))
        assert.strictEqual(error._tag, "ValidationError")
        assert.lengthOf(provider.prepared, 0)
      }
    })
  )

  it.effect("is left to the provider where the model is free anyway, and told of as one that it takes", () =>
    Effect.gen(function* () {
      for (const choice of ["auto", "none"] as const) {
        const provider = inTurn(calls)
        yield* ask(emulated(provider), { tools, tool_choice: choice })
        assert.deepStrictEqual(provider.sent, [callOf({ tools, tool_choice: choice })])
      }
      assert.isTrue(emulated(inTurn()).abilities?.("m").parameters.has("tool_choice"))
    })
  )
})
