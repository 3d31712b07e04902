import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, References, Runtime, Scope } from "effect"
import { TestClock } from "effect/testing"
import { supervise } from "../../src/cluster/Supervision.ts"
import { layerTestSettings } from "../support/TestSettings.ts"
import { killed, listening, orderly, scriptedWorkers } from "./ScriptedWorkers.ts"

/** A primary that starts, of which the test keeps the scope. */
const begin = Effect.fnUntraced(function* (count: number, scripted: ReturnType<typeof scriptedWorkers>) {
  const scope = yield* Effect.acquireRelease(Effect.sync(Scope.makeUnsafe), (scope) => Scope.close(scope, Exit.void))
  const starting = yield* supervise(scripted.start).pipe(
    Scope.provide(scope),
    Effect.provide(layerTestSettings({ workers: count })),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.forkChild
  )
  yield* TestClock.adjust(0)
  return { scope, starting }
})

/** One that does as it is told. */
const obedient = () =>
  scriptedWorkers((message, worker) => {
    if (message._tag === "Stop") worker.end(orderly)
  })

describe("the primary", () => {
  it.effect("has started when all workers listen", () =>
    Effect.gen(function* () {
      const scripted = obedient()
      const { starting } = yield* begin(3, scripted)
      assert.deepStrictEqual(
        scripted.workers.map(({ number }) => number),
        [1, 2, 3]
      )
      scripted.workers[2]?.say(listening)
      scripted.workers[0]?.say(listening)
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(starting.pollUnsafe())
      scripted.workers[1]?.say(listening)
      yield* Fiber.join(starting)
    }).pipe(Effect.scoped)
  )

  it.effect("fails with the words and the exit code of a worker that cannot start, and ends the others at once", () =>
    Effect.gen(function* () {
      const scripted = obedient()
      const { scope, starting } = yield* begin(2, scripted)
      const [one, other] = scripted.workers
      one?.say(listening)
      other?.say({ _tag: "Refused", message: "Port 80 is in use" })
      other?.end({ code: 3, by: "code 3" })
      const error = yield* Effect.flip(Fiber.join(starting))
      assert.deepStrictEqual([error.message, error[Runtime.errorExitCode]], ["Port 80 is in use", 3])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(one?.heard, ["Stop", "Hasten"])
      assert.lengthOf(scripted.workers, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("fails where one is killed while it starts, or ends without a word", () =>
    Effect.gen(function* () {
      for (const [end, code, words] of [
        [killed, 1, /^Worker 1 \(process 101\) ended by SIGKILL before it could serve$/],
        [orderly, 1, /^Worker 1 .* ended by code 0 before it could serve$/]
      ] as const) {
        const scripted = obedient()
        const { starting } = yield* begin(1, scripted)
        scripted.workers[0]?.end(end)
        const error = yield* Effect.flip(Fiber.join(starting))
        assert.match(error.message, words)
        assert.strictEqual(error[Runtime.errorExitCode], code)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("starts another worker in place of one that ends, each time after twice the pause", () =>
    Effect.gen(function* () {
      const { workers, ...scripted } = obedient()
      const { starting } = yield* begin(1, { workers, ...scripted })
      workers[0]?.say(listening)
      yield* Fiber.join(starting)
      for (const pause of [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]) {
        const before = workers.length
        // From the second on they do not even come to listen.
        workers.at(-1)?.end(killed)
        yield* TestClock.adjust(pause - 1)
        assert.lengthOf(workers, before)
        yield* TestClock.adjust(1)
        assert.lengthOf(workers, before + 1)
      }
      assert.isTrue(workers.every(({ number }) => number === 1))
      // One that has served for a minute was sound.
      workers.at(-1)?.say(listening)
      yield* TestClock.adjust("61 seconds")
      const before = workers.length
      workers.at(-1)?.end(killed)
      yield* TestClock.adjust(200)
      assert.lengthOf(workers, before + 1)
    }).pipe(Effect.scoped)
  )

  it.effect("tells all workers to stop, waits for them, hastens them when it is told again, and starts none", () =>
    Effect.gen(function* () {
      const scripted = scriptedWorkers()
      const { scope, starting } = yield* begin(2, scripted)
      for (const worker of scripted.workers) worker.say(listening)
      yield* Fiber.join(starting)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(
        scripted.workers.map(({ heard }) => heard),
        [["Stop"], ["Stop"]]
      )
      scripted.workers[0]?.end(orderly)
      yield* TestClock.adjust("5 minutes")
      assert.isUndefined(closing.pollUnsafe())
      // Nobody but the primary listens for it here.
      assert.strictEqual(process.listenerCount("SIGINT"), 1)
      process.emit("SIGINT")
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(scripted.workers[1]?.heard, ["Stop", "Hasten"])
      scripted.workers[1]?.end(killed)
      yield* Fiber.join(closing)
      assert.lengthOf(scripted.workers, 2)
    }).pipe(Effect.scoped)
  )
})
