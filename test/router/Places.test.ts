import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Busy } from "../../src/providers/Busy.ts"
import { longestWait, Places } from "../../src/router/Places.ts"

/** Takes a place until the latch of its name opens. */
const hold = (places: Places, told: Array<string>, name: string) =>
  Effect.suspend(() => {
    const ticket = places.ticket()
    return Effect.ensuring(
      Effect.andThen(
        places.take(ticket),
        Effect.suspend(() => {
          told.push(name)
          return Effect.never
        })
      ),
      Effect.sync(() => places.release(ticket))
    )
  })

const fork = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

const leave = <A, E>(fibers: ReadonlyArray<Fiber.Fiber<A, E>>, index: number) =>
  Fiber.interruptAll(fibers.slice(index, index + 1))

describe("a provider's places", () => {
  it.effect("are taken at once while there are some, then in order of arrival", () =>
    Effect.gen(function* () {
      const places = new Places("gigachat", 2)
      const told: Array<string> = []
      const fibers = yield* Effect.forEach(["a", "b", "c", "d"], (name) => fork(hold(places, told, name)))
      assert.deepStrictEqual(told, ["a", "b"])
      assert.deepStrictEqual(places.load, { taken: 2, waiting: 2 })
      yield* leave(fibers, 1)
      assert.deepStrictEqual(told, ["a", "b", "c"])
      yield* leave(fibers, 0)
      assert.deepStrictEqual(told, ["a", "b", "c", "d"])
      yield* Fiber.interruptAll(fibers)
      assert.deepStrictEqual(places.load, { taken: 0, waiting: 0 })
    })
  )

  it.effect("are not waited for by who has left the queue", () =>
    Effect.gen(function* () {
      const places = new Places("gigachat", 1)
      const told: Array<string> = []
      const fibers = yield* Effect.forEach(["a", "b", "c"], (name) => fork(hold(places, told, name)))
      yield* leave(fibers, 1)
      assert.deepStrictEqual(places.load, { taken: 1, waiting: 1 })
      yield* leave(fibers, 0)
      assert.deepStrictEqual(told, ["a", "c"])
      yield* leave(fibers, 2)
      assert.deepStrictEqual(places.load, { taken: 0, waiting: 0 })
    })
  )

  it.effect("are waited for a few seconds, no longer", () =>
    Effect.gen(function* () {
      const places = new Places("gigachat", 1)
      const told: Array<string> = []
      const holder = yield* fork(hold(places, told, "a"))
      const waiter = yield* fork(Effect.flip(hold(places, told, "b")))
      yield* TestClock.adjust(longestWait - 1)
      assert.isUndefined(waiter.pollUnsafe())
      yield* TestClock.adjust(1)
      const busy = yield* Fiber.join(waiter)
      assert.instanceOf(busy, Busy)
      assert.deepInclude(busy, { reason: "provider_rate_limit", provider: "gigachat", limit: 1 })
      assert.deepStrictEqual(places.load, { taken: 1, waiting: 0 })
      yield* Fiber.interrupt(holder)
      assert.deepStrictEqual(places.load, { taken: 0, waiting: 0 })
    })
  )

  it.effect("are refused at once where too many wait already", () =>
    Effect.gen(function* () {
      const places = new Places("gigachat", 1)
      const told: Array<string> = []
      const fibers = yield* Effect.replicateEffect(fork(hold(places, told, "a")), 21)
      assert.deepStrictEqual(places.load, { taken: 1, waiting: 20 })
      assert.instanceOf(yield* Effect.flip(hold(places, told, "b")), Busy)
      yield* Fiber.interruptAll(fibers)
      assert.deepStrictEqual(places.load, { taken: 0, waiting: 0 })
    })
  )

  it.effect("become more at once for those who wait", () =>
    Effect.gen(function* () {
      const places = new Places("gigachat", 1)
      const told: Array<string> = []
      const fibers = yield* Effect.forEach(["a", "b", "c", "d"], (name) => fork(hold(places, told, name)))
      places.resize(3)
      assert.deepStrictEqual(told, ["a", "b", "c"])
      assert.deepStrictEqual(places.load, { taken: 3, waiting: 1 })
      places.resize(Infinity)
      assert.deepStrictEqual(told, ["a", "b", "c", "d"])
      yield* Fiber.interruptAll(fibers)
      assert.deepStrictEqual(places.load, { taken: 0, waiting: 0 })
    })
  )

  it.effect("become fewer as calls end: none is broken off, and the next begins when there is room again", () =>
    Effect.gen(function* () {
      const places = new Places("gigachat", 3)
      const told: Array<string> = []
      const fibers = yield* Effect.forEach(["a", "b", "c"], (name) => fork(hold(places, told, name)))
      places.resize(1)
      const waiter = yield* fork(hold(places, told, "d"))
      assert.deepStrictEqual(places.load, { taken: 3, waiting: 1 })
      yield* leave(fibers, 0)
      yield* leave(fibers, 1)
      assert.deepStrictEqual(places.load, { taken: 1, waiting: 1 })
      yield* leave(fibers, 2)
      assert.deepStrictEqual(told, ["a", "b", "c", "d"])
      assert.deepStrictEqual(places.load, { taken: 1, waiting: 0 })
      const refused = yield* fork(Effect.flip(hold(places, told, "e")))
      yield* TestClock.adjust(longestWait)
      assert.deepInclude(yield* Fiber.join(refused), { limit: 1 })
      yield* Fiber.interrupt(waiter)
      assert.deepStrictEqual(places.load, { taken: 0, waiting: 0 })
    })
  )

  it.effect("all come back, whoever leaves when", () =>
    Effect.gen(function* () {
      const places = new Places("gigachat", 3)
      const told: Array<string> = []
      for (let round = 0; round < 200; round++) {
        const fibers = yield* Effect.replicateEffect(fork(hold(places, told, "a")), 8)
        const order = fibers.map((fiber, index) => ({ fiber, rank: (index * 7 + round * 3) % 8 }))
        order.sort((a, b) => a.rank - b.rank)
        yield* Effect.forEach(order, ({ fiber }) => Fiber.interrupt(fiber), {
          concurrency: round % 2 === 0 ? 1 : "unbounded"
        })
        assert.deepStrictEqual(places.load, { taken: 0, waiting: 0 })
      }
      assert.isAbove(told.length, 600)
    })
  )
})
