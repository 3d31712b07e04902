import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { TestClock } from "effect/testing"
import { makePatience } from "../../src/gateway/Patience.ts"

const patient = Effect.map(makePatience("15 seconds"), (patience) => {
  const late: Array<string> = []
  return { late, wait: (name: string) => patience.wait(() => late.push(name)) }
})

describe("waits of one length", () => {
  it.effect("end each after its own time, in the order in which they began", () =>
    Effect.gen(function* () {
      const { late, wait } = yield* patient
      wait("first")
      yield* TestClock.adjust("5 seconds")
      wait("second")
      wait("third")
      yield* TestClock.adjust("9999 millis")
      assert.deepStrictEqual(late, [])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(late, ["first"])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(late, ["first", "second", "third"])
    })
  )

  it.effect("are not told of when they are over before their time, and leave the others as they are", () =>
    Effect.gen(function* () {
      const { late, wait } = yield* patient
      const ends = ["a", "b", "c", "d"].map(wait)
      ends[0]?.()
      ends[2]?.()
      yield* TestClock.adjust("15 seconds")
      assert.deepStrictEqual(late, ["b", "d"])
    })
  )

  it.effect("begin anew after all others have ended", () =>
    Effect.gen(function* () {
      const { late, wait } = yield* patient
      wait("before")()
      yield* TestClock.adjust("1 minute")
      wait("after")
      yield* TestClock.adjust("14 seconds")
      assert.deepStrictEqual(late, [])
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(late, ["after"])
    })
  )

  it.effect("may begin in the hour of another's end", () =>
    Effect.gen(function* () {
      const { wait } = yield* makePatience("15 seconds")
      let rounds = 0
      const again = () => {
        rounds++
        wait(again)
      }
      wait(again)
      yield* TestClock.adjust("61 seconds")
      assert.strictEqual(rounds, 4)
    })
  )

  it.effect("end with their scope, untold", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { late, wait } = yield* Scope.provide(patient, scope)
      wait("never")
      yield* Scope.close(scope, Exit.void)
      const time = yield* Effect.forkChild(TestClock.adjust("1 minute"))
      yield* Fiber.join(time)
      assert.deepStrictEqual(late, [])
    })
  )
})
