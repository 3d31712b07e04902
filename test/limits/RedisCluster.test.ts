import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, FiberSet, Queue } from "effect"
import * as Redis from "effect/persistence/Redis"
import { makeRedisStore } from "../../src/limits/RedisStore.ts"
import { slotOf } from "../../src/storage/RedisSlots.ts"
import { eventually } from "../support/Eventually.ts"
import { type RedisCluster, sharedRedisCluster, startRedisCluster } from "../support/RedisCluster.ts"
import { admitted, connect, refused, reservation, type Store } from "./stores.ts"

/** An instance of its own: its store, and the connection that the store has. */
const connectTo = Effect.fn(function* ({ urls }: RedisCluster) {
  const context = yield* connect(...urls)
  return { redis: Context.get(context, Redis.Redis), store: yield* Effect.provide(makeRedisStore(), context) }
})

/** How many of `asks` at once are admitted of each subject, by both instances in turn. */
const admissions = (instances: ReadonlyArray<Store>, subjects: ReadonlyArray<string>, rpm: number, asks: number) =>
  Effect.gen(function* () {
    const counts = new Map(subjects.map((subject) => [subject, 0]))
    yield* Effect.forEach(
      subjects.flatMap((subject) => Array.from({ length: asks }, (_, index) => ({ subject, index }))),
      ({ index, subject }) =>
        Effect.map(
          instances[index % instances.length]?.reserve(reservation({ rpm }, { subject })) ?? Effect.die("no instance"),
          ({ _tag }) => {
            if (_tag === "Admitted") counts.set(subject, (counts.get(subject) ?? 0) + 1)
          }
        ),
      { concurrency: "unbounded", discard: true }
    )
    return [...counts.values()]
  })

describe("a limiter store in a Redis Cluster", () => {
  it.live("admits exactly the limit of each subject, whichever node keeps it, over two instances", () =>
    Effect.gen(function* () {
      const cluster = yield* sharedRedisCluster
      const here = yield* connectTo(cluster)
      const there = yield* connectTo(cluster)

      const subjects = Array.from({ length: 40 }, (_, index) => `key:${index}`)
      for (let round = 0; round < 5; round += 1) {
        const ofRound = subjects.map((subject) => `${subject}:${round}`)
        assert.deepStrictEqual(yield* admissions([here.store, there.store], ofRound, 5, 20), Array(40).fill(5))
        // Every node forgets, and is told again.
        yield* here.redis.send("script", "flush")
      }

      const asked = reservation({ concurrency: 1, tpm: 100 }, { subject: "key:settled", tokens: 90 })
      admitted(yield* here.store.reserve(asked))
      refused(yield* here.store.reserve(reservation({ concurrency: 1 }, { subject: "key:settled" })))
      yield* here.store.settle(asked, 10)
      admitted(
        yield* here.store.reserve(reservation({ concurrency: 1, tpm: 100 }, { subject: "key:settled", tokens: 90 }))
      )

      const messages = yield* there.redis.subscribe("revocations")
      yield* Effect.raceFirst(
        Queue.take(messages),
        Effect.forever(Effect.andThen(here.redis.send("publish", "revocations", "key_1"), Effect.sleep("5 millis")))
      )
    })
  )

  it.live("admits exactly the limit while slots move under load", () =>
    Effect.gen(function* () {
      const cluster = yield* sharedRedisCluster
      const instances = [(yield* connectTo(cluster)).store, (yield* connectTo(cluster)).store]
      const [from, to] = cluster.nodes
      const slots = new Map<number, string>()
      for (let index = 0; slots.size < 12; index += 1) {
        const slot = slotOf(`{moving:${index}}`)
        if (slot < 5000) slots.set(slot, `moving:${index}`)
      }
      const resting = Array.from({ length: 12 }, (_, index) => `resting:${index}`)
      const outcome = yield* underLoad(
        instances,
        [...slots.values(), ...resting],
        Effect.forEach(slots.keys(), (slot) => cluster.moveSlot(slot, from, to, Effect.sleep("2 millis")))
      )
      assert.deepStrictEqual(outcome.failures, [])
      assert.deepStrictEqual([...outcome.admissions.values()], Array(24).fill(rpm))
      assert.isEmpty(yield* from.send<ReadonlyArray<string>>("keys", "*moving*"))
      assert.isNotEmpty(yield* to.send<ReadonlyArray<string>>("keys", "*moving*"))
    })
  )

  it.live("admits no more than the limit while a primary is replaced, and works on with the new one", () =>
    Effect.gen(function* () {
      const cluster = yield* startRedisCluster
      const replica = yield* cluster.addReplica(cluster.nodes[1])
      const instances = [(yield* connectTo(cluster)).store, (yield* connectTo(cluster)).store]
      const subjects = Array.from({ length: 24 }, (_, index) => `key:${index}`)
      const outcome = yield* underLoad(
        instances,
        subjects,
        Effect.gen(function* () {
          yield* replica.send("cluster", "failover")
          yield* eventually(Effect.map(replica.send<string>("role"), ([role]) => role === "master"))
          yield* Effect.sleep("50 millis")
        })
      )
      // What was on its way to the old primary when its connection was closed has no answer, and may have counted.
      for (const [subject, count] of outcome.admissions) assert.isAtMost(count, rpm, subject)
      assert.isNotEmpty(yield* replica.send<ReadonlyArray<string>>("keys", "*"))
      assert.isBelow(outcome.failures.length, outcome.asks / 10)
    })
  )
})

const rpm = 60

/**
 * Asks for every subject over all instances in turn, again and again, while something happens to the cluster, and then
 * until each subject has been refused; and sees that no place among the simultaneous requests is lost.
 */
const underLoad = <A, E, R>(
  instances: ReadonlyArray<Store>,
  subjects: ReadonlyArray<string>,
  happening: Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const admissions = new Map(subjects.map((subject) => [subject, 0]))
    const failures: Array<unknown> = []
    const hungry = new Set(subjects)
    const running = yield* FiberSet.make<void>()
    let asks = 0
    const ask = (subject: string) => {
      const asked = reservation({ rpm, concurrency: rpm }, { subject })
      const store = instances[(asks += 1) % instances.length] ?? assert.fail("no instance")
      return Effect.matchEffect(store.reserve(asked), {
        onFailure: (error) => Effect.sync(() => void failures.push(error.cause)),
        onSuccess: (decision) => {
          if (decision._tag === "Admitted") {
            admissions.set(subject, (admissions.get(subject) ?? 0) + 1)
            return store.settle(asked, 0)
          }
          assert.strictEqual(decision.reason, "requests_per_minute")
          hungry.delete(subject)
          return Effect.void
        }
      })
    }
    const round = Effect.gen(function* () {
      for (const subject of subjects) yield* FiberSet.run(running, ask(subject))
      yield* Effect.sleep("1 millis")
    })
    yield* Effect.raceFirst(happening, Effect.forever(round))
    yield* Effect.repeat(round, { while: () => hungry.size > 0 })
    yield* Effect.raceFirst(FiberSet.join(running), FiberSet.awaitEmpty(running))
    if (failures.length === 0) {
      // The last settlements may still be on their way.
      for (const subject of subjects) {
        const alone = instances[0]?.reserve(reservation({ concurrency: 1 }, { subject })) ?? Effect.die("no instance")
        yield* eventually(Effect.map(alone, ({ _tag }) => _tag === "Admitted"))
      }
    }
    return { admissions, failures, asks }
  }).pipe(Effect.scoped)
