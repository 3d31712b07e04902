import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Metric } from "effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import { TestClock } from "effect/testing"
import type { Collecting } from "../../src/telemetry/Collecting.ts"
import { makeDelivery, tries } from "../../src/telemetry/Delivery.ts"
import { telemetryLost } from "../../src/telemetry/Metrics.ts"
import { ProtobufWriter } from "../../src/telemetry/ProtobufWriter.ts"
import { type Answer, collecting, goesOn, scriptedCollector } from "./scriptedCollector.ts"

const body = HttpBody.uint8Array(new Uint8Array(3), "application/json")

/** The way of spans to a collector that answers as told (the last answer again and again). */
const subject = Effect.fnUntraced(function* (answers: Array<Answer>, options: Partial<Collecting> = {}) {
  const { client, log, logged, sent } = scriptedCollector(answers)
  const registry = Context.make(Metric.MetricRegistry, new Map())
  const delivery = yield* makeDelivery(
    { ...collecting("traces"), ...options },
    { signal: "Traces", label: "traces", items: "spans", parts: "spans" }
  ).pipe(Effect.provideService(HttpClient.HttpClient, client), Effect.provideContext(registry))
  const lost = () => telemetryLost("traces").valueUnsafe(registry).count
  /** One batch of three, whatever becomes of it; and whether it was taken. */
  const deliver = Effect.fnUntraced(function* () {
    const fiber = yield* Effect.forkChild(delivery.deliver(body, 3, tries), { startImmediately: true })
    yield* goesOn(0, () => fiber.pollUnsafe() !== undefined)
    return yield* Fiber.join(fiber)
  }, Effect.provide(log))
  const last = Effect.provide(delivery.last(delivery.deliver(body, 3, 1)), log)
  return { deliver, delivery, last, log, logged, lost, sent }
})

const inJson = (partialSuccess: unknown): Answer => ({ status: 200, body: JSON.stringify({ partialSuccess }) })

const inProtobuf = (rejected: number, message: string): Answer => {
  const writer = new ProtobufWriter()
  writer.message(1, () => {
    if (rejected > 0) writer.integer(1, rejected)
    if (message !== "") writer.string(2, message)
  })
  return { status: 200, body: Uint8Array.from(writer.finish()) }
}

const rejects = (count: number, why: string) =>
  `Traces are being lost: the collector at http://collector rejects ${count} spans${why}`

describe("a batch that its collector takes in part", () => {
  for (const [form, protocol, answer] of [
    ["JSON", "http/json", inJson({ rejectedSpans: "2", errorMessage: "too old" })],
    ["JSON with a number", "http/json", inJson({ rejectedSpans: 2, errorMessage: "too old" })],
    ["protobuf", "http/protobuf", inProtobuf(2, "too old")]
  ] as const) {
    it.effect(`is not sent again; what was rejected and why is told (${form})`, () =>
      Effect.gen(function* () {
        const { deliver, logged, lost, sent } = yield* subject([answer, 200], { protocol })
        assert.isTrue(yield* deliver())
        assert.deepStrictEqual(logged, [rejects(2, ": too old")])
        assert.strictEqual(lost(), 2)
        assert.lengthOf(sent, 1)
        yield* deliver()
        assert.lengthOf(logged, 1)
      })
    )
  }

  it.effect("is told of once an hour, with all that was rejected since, and at the end", () =>
    Effect.gen(function* () {
      const { deliver, last, logged } = yield* subject([inJson({ rejectedSpans: "1" })])
      for (let batch = 0; batch < 10; batch++) yield* deliver()
      assert.deepStrictEqual(logged, [rejects(1, "")])
      yield* TestClock.adjust("1 hour")
      yield* deliver()
      assert.deepStrictEqual(logged.slice(1), [rejects(10, "")])
      yield* deliver()
      const ending = yield* Effect.forkChild(last, { startImmediately: true })
      yield* goesOn(0, () => ending.pollUnsafe() !== undefined)
      assert.deepStrictEqual(logged.slice(2), [rejects(2, "")])
    })
  )

  it.effect("is no loss where nothing was rejected: the collector's words are told", () =>
    Effect.gen(function* () {
      const { deliver, logged } = yield* subject([inJson({ errorMessage: "use\nv2" })])
      yield* deliver()
      yield* deliver()
      assert.deepStrictEqual(logged, ["The collector of traces at http://collector says: use v2"])
    })
  )

  it.effect("is told without the collector's key, should that say it, and no longer than a line", () =>
    Effect.gen(function* () {
      const errorMessage = `no secret-of-the-collector ${"x".repeat(10_000)}`
      const { deliver, logged } = yield* subject([inJson({ rejectedSpans: "1", errorMessage })])
      yield* deliver()
      assert.match(logged[0] ?? "", /: no \*\*\* x+…$/)
      assert.isBelow(logged[0]?.length ?? 0, 700)
    })
  )

  for (const [what, protocol, answer] of [
    ["an empty body", "http/json", 200],
    ["an empty object", "http/json", { status: 200, body: "{}" }],
    ["an empty part", "http/json", inJson({})],
    ["a null of it", "http/json", inJson(null)],
    ["a page", "http/json", { status: 200, body: "<html>" }],
    ["an empty body", "http/protobuf", 200],
    ["an empty part", "http/protobuf", inProtobuf(0, "")],
    ["a page", "http/protobuf", { status: 200, body: "<html>ok</html>" }],
    ["a cut message", "http/protobuf", { status: 200, body: new Uint8Array([10, 5, 8, 2]) }],
    ["less than nothing", "http/json", inJson({ rejectedSpans: "-1" })]
  ] as const) {
    it.effect(`is taken whole where the answer has ${what} (${protocol})`, () =>
      Effect.gen(function* () {
        const { deliver, logged, lost } = yield* subject([answer], { protocol })
        assert.isTrue(yield* deliver())
        assert.deepStrictEqual([logged, lost()], [[], 0])
      })
    )
  }
})

describe("a collector that wants to be left alone for a while", () => {
  for (const status of [429, 503]) {
    it.effect(`gets the batch again after that time, and nothing before (${status})`, () =>
      Effect.gen(function* () {
        const { delivery, log, logged, sent } = yield* subject([{ status, headers: { "retry-after": "7" } }, 200])
        const fiber = yield* Effect.forkChild(Effect.provide(delivery.deliver(body, 3, tries), log))
        yield* goesOn(0, () => sent.length === 1)
        // The answer is read by promises: a while of them, in which time stands still.
        yield* goesOn("100 millis", () => sent.length === 2)
        const waited = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
        assert.isAtLeast(waited, 7000)
        assert.isTrue(yield* Fiber.join(fiber))
        assert.deepStrictEqual(logged, [])
      })
    )
  }

  it.effect("is left alone by the next batch too, for a minute at most", () =>
    Effect.gen(function* () {
      const busy: Answer = { status: 429, headers: { "retry-after": "3600" } }
      const { delivery, log, sent } = yield* subject([busy, 200])
      const deliver = (tries: number) => Effect.provide(delivery.deliver(body, 3, tries), log)
      const first = yield* Effect.forkChild(deliver(1))
      yield* goesOn(0, () => first.pollUnsafe() !== undefined)
      assert.isFalse(yield* Fiber.join(first))
      const next = yield* Effect.forkChild(deliver(1))
      yield* TestClock.adjust("59999 millis")
      assert.lengthOf(sent, 1)
      yield* TestClock.adjust("1 millis")
      yield* goesOn(0, () => next.pollUnsafe() !== undefined)
      assert.isTrue(yield* Fiber.join(next))
    })
  )

  it.effect("gets what is left at the end all the same", () =>
    Effect.gen(function* () {
      const { delivery, last, log, sent } = yield* subject([{ status: 503, headers: { "retry-after": "60" } }, 200])
      const first = yield* Effect.forkChild(Effect.provide(delivery.deliver(body, 3, 1), log))
      yield* goesOn(0, () => first.pollUnsafe() !== undefined)
      const ending = yield* Effect.forkChild(last, { startImmediately: true })
      yield* goesOn(0, () => ending.pollUnsafe() !== undefined)
      assert.lengthOf(sent, 2)
    })
  )
})

it.effect("what is lost is counted: of a batch that is refused all of it, and what found no room", () =>
  Effect.gen(function* () {
    const { deliver, delivery, lost } = yield* subject([401])
    assert.strictEqual(lost(), 0)
    assert.isFalse(yield* deliver())
    assert.strictEqual(lost(), 3)
    delivery.overflowed()
    assert.strictEqual(lost(), 4)
  })
)
