import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import { hashKey } from "../../src/auth/ApiKey.ts"
import { ApiKeys } from "../../src/auth/ApiKeys.ts"
import { KeyCache } from "../../src/auth/KeyCache.ts"
import type { Finding } from "../../src/auth/KeyMemory.ts"
import { InternalError } from "../../src/domain/Errors.ts"
import { eventually } from "../support/Eventually.ts"
import { heapUsed } from "../support/Heap.ts"
import { eventLoopTurns } from "../support/Loopback.ts"
import { DatabaseSwitch, switched } from "../support/SwitchedDatabase.ts"
import { layerAuth, someUser } from "../support/TestAuth.ts"
import { migratedEngines } from "../support/TestDatabase.ts"

/** A hash that no key has. */
const unknown = (index: number) => hashKey(`unknown ${index}`)

const someKey = Effect.gen(function* () {
  const keys = yield* ApiKeys
  const { id, key } = yield* keys.create({ userId: (yield* someUser).id, name: "key" })
  return { id, hash: hashKey(Redacted.value(key)) }
})

const peek = (hash: string) => Effect.map(KeyCache, (cache) => cache.peek(hash))

/** Every test begins with the database there, nothing remembered, no flood of before to be paced, and a count of 0. */
const fresh = Effect.gen(function* () {
  const control = yield* DatabaseSwitch
  yield* TestClock.adjust("10 seconds")
  yield* (yield* KeyCache).invalidate("all")
  control.state = "there"
  control.statements = 0
  return control
})

const reasonOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => (error instanceof InternalError ? error.reason : error))

for (const [engine, database] of migratedEngines) {
  layer(layerAuth(switched(database)).pipe(Layer.orDie))(`KeyCache on ${engine}`, (it) => {
    it.effect("remembers a key, and asks the database once", () =>
      Effect.gen(function* () {
        const [cache, { id, hash }] = [yield* KeyCache, yield* someKey]
        const control = yield* fresh
        assert.isUndefined(yield* peek(hash))
        assert.strictEqual((yield* cache.find(hash)).key?.principal.credentialId, id)
        for (let turn = 0; turn < 100; turn++) assert.strictEqual((yield* peek(hash))?.key?.principal.credentialId, id)
        assert.strictEqual(control.statements, 1)
      })
    )

    it.effect("asks once for all who look for the same key at once", () =>
      Effect.gen(function* () {
        const [cache, { id, hash }] = [yield* KeyCache, yield* someKey]
        const control = yield* fresh
        const found = yield* Effect.all(
          Array.from({ length: 200 }, () => cache.find(hash)),
          { concurrency: "unbounded" }
        )
        assert.isTrue(found.every(({ key }) => key?.principal.credentialId === id))
        assert.strictEqual(control.statements, 1)
      })
    )

    it.effect("asks for many keys together: a flood of unknown ones is a handful of queries", () =>
      Effect.gen(function* () {
        const [cache, known] = [yield* KeyCache, yield* someKey]
        const control = yield* fresh
        const hashes = [...Array.from({ length: 9_999 }, (_, index) => unknown(index)), known.hash]
        const found = yield* Effect.forEach(hashes, cache.find, { concurrency: "unbounded" })
        assert.deepStrictEqual(
          found.map(({ key }) => key?.principal.credentialId).filter((id) => id !== undefined),
          [known.id]
        )
        assert.isAtMost(control.statements, 4)
      })
    )

    it.effect("asks for unknown keys four times a second at most, however slowly they come", () =>
      Effect.gen(function* () {
        const [cache, known] = [yield* KeyCache, yield* someKey]
        const control = yield* fresh
        // 20 a second, each by itself, for ten seconds.
        const answers: Array<Fiber.Fiber<Finding, InternalError>> = []
        for (let index = 0; index < 200; index++) {
          answers.push(yield* Effect.forkChild(cache.find(unknown(index)), { startImmediately: true }))
          yield* TestClock.adjust("50 millis")
          yield* eventLoopTurns
        }
        yield* TestClock.adjust("250 millis")
        yield* eventually(Effect.sync(() => answers.every((fiber) => fiber.pollUnsafe() !== undefined)))
        assert.isAbove(control.statements, 10)
        assert.isAtMost(control.statements, 4 + 4 * 10 + 1)
        // Who has a key waits for the next query, and no longer.
        const late = yield* Effect.forkChild(cache.find(known.hash), { startImmediately: true })
        yield* TestClock.adjust("250 millis")
        assert.strictEqual((yield* Fiber.join(late)).key?.principal.credentialId, known.id)
      })
    )

    it.effect("paces them by the time that passes, also where the time of day is set back meanwhile", () =>
      Effect.gen(function* () {
        const [cache, known] = [yield* KeyCache, yield* someKey]
        yield* fresh
        yield* TestClock.adjust("2 hours")
        const flood = Array.from({ length: 12 }, (_, index) => cache.find(unknown(index)))
        const flooding = yield* Effect.forkChild(
          Effect.forEach(flood, (each) => each),
          { startImmediately: true }
        )
        yield* eventually(Effect.map(TestClock.adjust("50 millis"), () => flooding.pollUnsafe() !== undefined))
        const before = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
        yield* TestClock.setTime(before - 3_600_000)
        const late = yield* Effect.forkChild(cache.find(known.hash), { startImmediately: true })
        yield* TestClock.adjust("250 millis")
        yield* eventually(Effect.sync(() => late.pollUnsafe() !== undefined))
        assert.strictEqual((yield* Fiber.join(late)).key?.principal.credentialId, known.id)
        yield* TestClock.setTime(before)
      })
    )

    it.effect("does not pace keys that are there", () =>
      Effect.gen(function* () {
        const cache = yield* KeyCache
        const keys = yield* Effect.replicateEffect(someKey, 12)
        const control = yield* fresh
        for (const { hash } of keys) assert.isDefined((yield* cache.find(hash)).key)
        assert.strictEqual(control.statements, 12)
      })
    )

    it.effect("fails for a key that cannot be read, and for no other that was asked for with it", () =>
      Effect.gen(function* () {
        const [cache, sql] = [yield* KeyCache, yield* SqlClient]
        const [broken, whole] = [yield* someKey, yield* someKey]
        yield* sql`UPDATE api_keys SET limits = ${'{"rpm": "many"}'}::jsonb WHERE id = ${broken.id}`
        const control = yield* fresh
        const [failure, found, none] = yield* Effect.all(
          [reasonOf(cache.find(broken.hash)), cache.find(whole.hash), cache.find(unknown(0))],
          { concurrency: "unbounded" }
        )
        assert.strictEqual(failure, "unexpected")
        assert.strictEqual(found.key?.principal.credentialId, whole.id)
        assert.isUndefined(none.key)
        assert.strictEqual(control.statements, 1)
        yield* sql`UPDATE api_keys SET limits = '{}'::jsonb WHERE id = ${broken.id}`
        assert.isDefined((yield* cache.find(broken.hash)).key)
      })
    )

    it.effect(
      "stays small, however many unknown keys are tried",
      () =>
        Effect.gen(function* () {
          const cache = yield* KeyCache
          yield* fresh
          let next = 0
          const burst = Effect.gen(function* () {
            yield* TestClock.adjust("10 seconds")
            const hashes = Array.from({ length: 10_000 }, () => unknown(next++))
            yield* Effect.forEach(hashes, cache.find, { concurrency: "unbounded", discard: true })
          })
          yield* burst
          yield* burst
          const before = heapUsed()
          yield* Effect.replicateEffect(burst, 4)
          assert.isBelow(heapUsed() - before, 4_000_000)
        }),
      60_000
    )

    it.effect("remembers for ten seconds that there is no such key", () =>
      Effect.gen(function* () {
        const cache = yield* KeyCache
        const control = yield* fresh
        assert.deepStrictEqual(yield* cache.find(unknown(0)), { key: undefined })
        yield* TestClock.adjust("9 seconds")
        assert.deepStrictEqual(yield* peek(unknown(0)), { key: undefined })
        yield* TestClock.adjust("1 second")
        assert.isUndefined(yield* peek(unknown(0)))
        assert.strictEqual(control.statements, 1)
      })
    )

    it.effect("keeps a key that is in use while thousands of unknown ones are tried", () =>
      Effect.gen(function* () {
        const [cache, { hash }] = [yield* KeyCache, yield* someKey]
        yield* fresh
        yield* cache.find(hash)
        const others = Array.from({ length: 12_000 }, (_, index) => unknown(index))
        for (let start = 0; start < others.length; start += 4000) {
          yield* Effect.forEach(others.slice(start, start + 4000), cache.find, { concurrency: "unbounded" })
          yield* TestClock.adjust("1 second")
        }
        assert.isDefined(yield* peek(hash))
        assert.isUndefined(yield* peek(unknown(0)))
        assert.isDefined(yield* peek(unknown(11_999)))
      })
    )

    it.effect("forgets a key after its time, unless it is in use: then it looks again, unseen", () =>
      Effect.gen(function* () {
        const [cache, used, idle] = [yield* KeyCache, yield* someKey, yield* someKey]
        const control = yield* fresh
        yield* Effect.all([cache.find(used.hash), cache.find(idle.hash)], { concurrency: 2 })
        assert.strictEqual(control.statements, 1)
        for (let turn = 0; turn < 10; turn++) {
          yield* TestClock.adjust("31 seconds")
          const before = control.statements
          assert.isDefined(yield* peek(used.hash))
          yield* eventually(Effect.sync(() => control.statements === before + 1))
          yield* cache.find(used.hash)
        }
        assert.isUndefined(yield* peek(idle.hash))
      })
    )

    it.effect("goes on with what it knows while the database is away, no longer than its time", () =>
      Effect.gen(function* () {
        const [cache, { hash }] = [yield* KeyCache, yield* someKey]
        const control = yield* fresh
        yield* cache.find(hash)
        control.state = "away"
        for (let second = 0; second < 59; second++) {
          yield* TestClock.adjust("1 second")
          assert.isDefined(yield* peek(hash), `after ${second + 1} seconds`)
        }
        yield* TestClock.adjust("1 second")
        assert.isUndefined(yield* peek(hash))
        assert.strictEqual(yield* reasonOf(cache.find(hash)), "database_unavailable")
        // A renewal a second at most, from the half of its time on.
        assert.isAtMost(control.statements, 35)
        control.state = "there"
        assert.isDefined((yield* cache.find(hash)).key)
      })
    )

    it.effect("forgets what it found after that time, also where the time of day is set back meanwhile", () =>
      Effect.gen(function* () {
        const [cache, { hash }] = [yield* KeyCache, yield* someKey]
        const control = yield* fresh
        yield* TestClock.adjust("2 hours")
        yield* Effect.all([cache.find(hash), cache.find(unknown(0))], { concurrency: 2 })
        control.state = "away"
        const before = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
        yield* TestClock.setTime(before - 3_600_000)
        yield* TestClock.adjust("10 seconds")
        assert.isUndefined(yield* peek(unknown(0)))
        yield* TestClock.adjust("49 seconds")
        assert.isDefined(yield* peek(hash))
        assert.isTrue(cache.admitsAny(before))
        yield* TestClock.adjust("1 second")
        assert.isFalse(cache.admitsAny(before))
        assert.isUndefined(yield* peek(hash))
        control.state = "there"
        yield* TestClock.setTime(before)
      })
    )

    it.effect("says that the database is unavailable when it hangs, within a second, and recovers", () =>
      Effect.gen(function* () {
        const [cache, { hash }] = [yield* KeyCache, yield* someKey]
        const control = yield* fresh
        control.state = "hanging"
        const waiting = yield* Effect.forkChild(reasonOf(cache.find(hash)))
        yield* eventually(Effect.sync(() => control.statements === 1))
        yield* TestClock.adjust("1 second")
        assert.strictEqual(waiting.pollUnsafe()?._tag, "Success")
        control.state = "there"
        yield* TestClock.adjust("3 seconds")
        assert.isDefined((yield* cache.find(hash)).key)
      })
    )

    it.effect("does not remember what it read before it was told to forget", () =>
      Effect.gen(function* () {
        const [cache, { id, hash }] = [yield* KeyCache, yield* someKey]
        const control = yield* fresh
        control.state = "hanging"
        const early = yield* Effect.forkChild(cache.find(hash), { startImmediately: true })
        yield* eventually(Effect.sync(() => control.statements === 1))
        yield* cache.invalidate([{ kind: "key", id }])
        control.state = "there"
        yield* Fiber.join(early)
        assert.isUndefined(yield* peek(hash))
        yield* cache.find(hash)
        assert.strictEqual(control.statements, 2)
        assert.isDefined(yield* peek(hash))
        yield* cache.invalidate("all")
        assert.isUndefined(yield* peek(hash))
      })
    )

    it.effect("forgets the keys of a user, and those alone; a token or a client is nothing to it", () =>
      Effect.gen(function* () {
        const [cache, keys] = [yield* KeyCache, yield* ApiKeys]
        const [one, other] = [yield* someKey, yield* someKey]
        yield* fresh
        const [{ userId }, { userId: stranger }] = [yield* keys.get(one.id), yield* keys.get(other.id)]
        const second = yield* keys.create({ userId, name: "second" })
        const hashes = [one.hash, hashKey(Redacted.value(second.key)), other.hash]
        yield* Effect.forEach(hashes, cache.find)
        const remembered = Effect.forEach(hashes, (hash) => Effect.map(peek(hash), (finding) => finding !== undefined))
        yield* cache.invalidate([
          { kind: "token", id: userId },
          { kind: "client", id: one.id },
          { kind: "user", id: "user_of_nobody" },
          { kind: "key", id: userId }
        ])
        assert.deepStrictEqual(yield* remembered, [true, true, true])
        yield* cache.invalidate([{ kind: "user", id: userId }])
        assert.deepStrictEqual(yield* remembered, [false, false, true])
        yield* cache.invalidate([
          { kind: "key", id: one.id },
          { kind: "user", id: stranger }
        ])
        assert.deepStrictEqual(yield* remembered, [false, false, false])
      })
    )

    it.effect("knows whether it could let in anybody by itself", () =>
      Effect.gen(function* () {
        const [cache, keys, one, other] = [yield* KeyCache, yield* ApiKeys, yield* someKey, yield* someKey]
        yield* fresh
        const admitsAny = TestClock.testClockWith((clock) => Effect.map(clock.currentTimeMillis, cache.admitsAny))
        yield* cache.find(unknown(0))
        assert.isFalse(yield* admitsAny)
        yield* cache.find(one.hash)
        assert.isTrue(yield* admitsAny)
        yield* TestClock.adjust("60 seconds")
        assert.isFalse(yield* admitsAny)
        const now = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
        yield* keys.update(one.id, { expiresAt: now + 10_000 })
        yield* cache.find(one.hash)
        assert.isTrue(yield* admitsAny)
        yield* TestClock.adjust("10 seconds")
        assert.isFalse(yield* admitsAny)
        yield* keys.revoke(other.id)
        yield* cache.find(other.hash)
        assert.isFalse(yield* admitsAny)
      })
    )
  })
}
