import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeGathering } from "../../src/cluster/Gathering.ts"
import type { Series } from "../../src/telemetry/Series.ts"
import { makeWorker } from "./ScriptedWorkers.ts"

const measures = (requests: number, active: number): ReadonlyArray<Series> => [
  { type: "Counter", id: "xrouter_requests_total", description: "", attributes: { model: "a" }, value: requests },
  { type: "Gauge", id: "xrouter_active_requests", description: "", attributes: {}, value: active }
]

/** Workers that answer with what they have, if they answer. */
const scene = (count: number) => {
  const gathering = makeGathering(count)
  const states = Array.from({ length: count }, () => ({ requests: 0, active: 0, isSilent: false }))
  const join = (number: number) => {
    const worker = makeWorker(number, undefined, (message) => {
      const state = states[number - 1]
      if (message._tag !== "Measure" || state === undefined || state.isSilent) return
      gathering.hear(worker, message.question, measures(state.requests, state.active))
    })
    gathering.join(worker)
    return worker
  }
  const told = Effect.gen(function* () {
    const gathered = yield* Effect.forkChild(gathering.gather)
    yield* TestClock.adjust("1500 millis")
    const series = new Map((yield* Fiber.join(gathered)).map((one) => [one.id, one]))
    const of = (id: string) => {
      const one = series.get(id)
      return one === undefined || one.type === "Histogram" ? undefined : one.value
    }
    return [of("xrouter_requests_total"), of("xrouter_active_requests"), of("xrouter_workers_answering")]
  })
  return { gathering, states, join, told }
}

/** Both have told once: 12 requests, of which 3 run. */
const bothTold = Effect.gen(function* () {
  const { join, states, told } = scene(2)
  join(1)
  join(2)
  Object.assign(states[0] ?? {}, { requests: 5, active: 1 })
  Object.assign(states[1] ?? {}, { requests: 7, active: 2 })
  assert.deepStrictEqual(yield* told, [12, 3, 2])
  return { states, told }
})

describe("what all workers have measured", () => {
  it.effect("is the sum of what each says when it is asked", () =>
    Effect.gen(function* () {
      const { told } = yield* bothTold
      assert.deepStrictEqual(yield* told, [12, 3, 2])
    })
  )

  it.effect("does not fall when one does not answer in time: its totals are those that it told last", () =>
    Effect.gen(function* () {
      const { states, told } = yield* bothTold
      Object.assign(states[0] ?? {}, { requests: 6, active: 1 })
      Object.assign(states[1] ?? {}, { requests: 8, isSilent: true })
      assert.deepStrictEqual(yield* told, [13, 1, 1])
      Object.assign(states[1] ?? {}, { isSilent: false })
      assert.deepStrictEqual(yield* told, [14, 3, 2])
    })
  )

  it.effect("does not fall when one ends, nor when another one begins at 0 in its place", () =>
    Effect.gen(function* () {
      const { gathering, join, states, told } = scene(2)
      const one = join(1)
      join(2)
      Object.assign(states[0] ?? {}, { requests: 5, active: 1 })
      Object.assign(states[1] ?? {}, { requests: 7, active: 2 })
      assert.deepStrictEqual(yield* told, [12, 3, 2])
      // In an orderly end it says what has come since.
      gathering.hear(one, undefined, measures(6, 0))
      gathering.leave(one)
      assert.deepStrictEqual(yield* told, [13, 2, 1])
      Object.assign(states[0] ?? {}, { requests: 1, active: 1 })
      const next = join(1)
      assert.deepStrictEqual(yield* told, [14, 3, 2])
      gathering.leave(next)
      assert.deepStrictEqual(yield* told, [14, 2, 1])
    })
  )

  it.effect("counts one once that ends while it is asked", () =>
    Effect.gen(function* () {
      const { gathering, join, states, told } = scene(2)
      const one = join(1)
      const other = join(2)
      Object.assign(states[0] ?? {}, { requests: 5 })
      Object.assign(states[1] ?? {}, { requests: 7, isSilent: true })
      const asked = yield* Effect.forkChild(gathering.gather)
      yield* TestClock.adjust(0)
      gathering.leave(one)
      gathering.leave(other)
      yield* TestClock.adjust("1500 millis")
      const requests = (yield* Fiber.join(asked)).find(({ id }) => id === "xrouter_requests_total")
      assert.deepStrictEqual(requests, measures(5, 0)[0])
      assert.deepStrictEqual(yield* told, [5, undefined, 0])
    })
  )
})
