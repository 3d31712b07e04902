import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { emulated } from "../../../src/providers/emulation/Emulated.ts"
import { StopCutter } from "../../../src/providers/emulation/StopCutter.ts"
import { type Answer, tells } from "../../support/ScriptedProvider.ts"
import {
  answers,
  ask,
  callOf,
  ended,
  fake,
  finished,
  started,
  text,
  textOf,
  thought,
  toolCall,
  used
} from "./scripts.ts"

/** The text of one whole, letter by letter: what a model that stops by itself would have written. */
const cutWhole = (whole: string, stops: ReadonlyArray<string>): string => {
  for (let end = 1; end <= whole.length; end++) {
    const written = whole.slice(0, end)
    const complete = stops.filter((stop) => written.endsWith(stop))
    if (complete.length > 0) return whole.slice(0, end - Math.max(...complete.map((stop) => stop.length)))
  }
  return whole
}

// Few letters, so that stops are met, overlap and nearly match.
const Word = Schema.Array(Schema.Literals(["a", "b", "\n", "😀", "😁"]))
const Pieces = Schema.Array(Word)
const Stops = Schema.Array(Word.check(Schema.isMinLength(1), Schema.isMaxLength(4))).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(4)
)

describe("a text that is cut at its stops", () => {
  it.prop(
    "is the same however it comes in pieces, surrogates split among them",
    [Pieces, Stops, Schema.Boolean],
    ([words, written, isByUnit]) => {
      const stops = written.map((word) => word.join(""))
      const pieces = words.map((word) => word.join(""))
      const whole = pieces.join("")
      const cutter = new StopCutter(stops, 1)
      const told: Array<ChatEvent> = []
      const longest = Math.max(...stops.map((stop) => stop.length))
      let come = 0
      for (const piece of isByUnit ? whole.split("") : pieces) {
        if (cutter.isLeft) break
        come += piece.length
        told.push(...cutter.read([text(piece)]))
        if (!cutter.isLeft) assert.isAtMost(come - textOf(told).length, longest - 1)
      }
      if (!cutter.isLeft) told.push(...cutter.read([ended(), finished()]))
      assert.strictEqual(textOf(told), cutWhole(whole, stops))
      assert.deepStrictEqual(told.slice(-2), [ended(), finished()])
    }
  )

  it("ends before the stop that is complete first, and of two that are complete together before the longer", () => {
    const cut = (whole: string, ...stops: ReadonlyArray<string>) =>
      textOf(new StopCutter(stops, 1).read([text(whole), ended(), finished()]))
    assert.strictEqual(cut("one two three", "three", "two"), "one ")
    assert.strictEqual(cut("abcd", "abcd", "bc"), "a")
    assert.strictEqual(cut("xabc", "bc", "abc"), "x")
    assert.strictEqual(cut("aaab", "aab"), "a")
    assert.strictEqual(cut("END", "END"), "")
    assert.strictEqual(cut("nothing of it", "END"), "nothing of it")
  })

  it("keeps thoughts and tool calls as they are, and does not look for a stop over a call", () => {
    const cutter = new StopCutter(["STOP"], 1)
    const events = [
      thought("to STOP or not"),
      text("ST"),
      toolCall('{"a":"STOP"}'),
      text("OP"),
      ended("tool_calls"),
      finished()
    ]
    assert.deepStrictEqual(cutter.read(events), events)
    assert.isFalse(cutter.isLeft)
  })

  it("ends each choice by itself, and leaves when all are over", () => {
    const cutter = new StopCutter(["."], 2)
    assert.deepStrictEqual(cutter.read([text("a.b", 0), text("c", 1)]), [text("a", 0), ended("stop", 0), text("c", 1)])
    assert.isFalse(cutter.isLeft)
    assert.deepStrictEqual(cutter.read([text("more", 0), text("d.", 1)]), [text("d", 1), ended("stop", 1), finished()])
    assert.isTrue(cutter.isLeft)
  })

  it("keeps what stands beside it", () => {
    const extra = { logprobs: { content: [] } }
    const cutter = new StopCutter(["##"], 1)
    assert.deepStrictEqual(cutter.read([{ _tag: "TextDelta", choice: 0, text: "a#", extra }]), [
      { _tag: "TextDelta", choice: 0, text: "a", extra }
    ])
  })
})

describe("`stop` for a provider that cannot", () => {
  const endless: Answer = Stream.concat(tells(started, text("one E"), text("ND two")), Stream.never)

  it.effect("is not sent, and ends a stream whose upstream is closed before the end is read", () =>
    Effect.gen(function* () {
      const provider = fake(() => endless)
      const { dropped, events } = yield* emulated(provider).prepare(callOf({ stop: ["END"], stream: true, seed: 1 }))
      assert.deepStrictEqual(dropped, ["seed"])
      const openAt: Array<readonly [string, number]> = []
      const told = yield* Stream.runCollect(
        Stream.tap(events, (event) => Effect.sync(() => openAt.push([event._tag, provider.open()])))
      )
      assert.deepStrictEqual(told, [started, text("one "), ended(), finished()])
      assert.deepStrictEqual(openAt, [
        ["Started", 1],
        ["TextDelta", 1],
        ["ChoiceFinished", 0],
        ["Finished", 0]
      ])
      assert.deepStrictEqual(provider.sent, [callOf({ stream: true, seed: 1 })])
    })
  )

  it.effect("keeps the usage of a stream that ends by itself", () =>
    Effect.gen(function* () {
      const provider = emulated(fake(() => answers("one E", "N")))
      const told = yield* ask(provider, { stop: "END", stream: true })
      assert.deepStrictEqual(told, [started, text("one "), text("EN"), ended(), finished(used(10, 5))])
    })
  )

  it.effect("cuts an answer that comes whole, whose usage is known", () =>
    Effect.gen(function* () {
      const provider = fake(() => answers("one END two"))
      const told = yield* ask(emulated(provider), { stop: "END" })
      assert.deepStrictEqual(told, [started, text("one "), ended(), finished(used(10, 5))])
      assert.deepStrictEqual(provider.sent, [callOf({})])
    })
  )

  it.effect("closes the upstream where the reader leaves", () =>
    Effect.gen(function* () {
      const provider = fake(() => endless)
      const { events } = yield* emulated(provider).prepare(callOf({ stop: "nowhere", stream: true }))
      yield* Stream.runDrain(Stream.take(events, 2))
      assert.deepStrictEqual([provider.sent.length, provider.open()], [1, 0])
    })
  )

  it.effect("of nothing, or of half a letter, asks for nothing", () =>
    Effect.gen(function* () {
      const provider = fake(() => answers("😀"))
      const told = yield* ask(emulated(provider), { stop: ["", "\uD83D"] })
      assert.strictEqual(textOf(told), "😀")
      assert.deepStrictEqual(provider.sent, [callOf({})])
    })
  )
})
