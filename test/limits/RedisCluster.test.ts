import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Queue, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { makeRedisStore } from "../../src/limits/RedisStore.ts"
import { layerUrls } from "../../src/storage/Redis.ts"
import { startRedisCluster } from "../support/RedisCluster.ts"
import { admitted, refused, reservation } from "./stores.ts"

describe("a limiter store in a Redis Cluster", () => {
  it.live("admits exactly the limit of each subject, whichever node keeps it, over two instances", () =>
    Effect.gen(function* () {
      const urls = yield* startRedisCluster
      const redis = layerUrls(
        urls.map((url) => Redacted.make(url)),
        { patienceMillis: 10_000 }
      )
      const contexts = [yield* Layer.build(Layer.fresh(redis)), yield* Layer.build(Layer.fresh(redis))] as const
      const [here, there] = yield* Effect.forEach(contexts, (context) => Effect.provide(makeRedisStore(), context))
      if (here === undefined || there === undefined) return assert.fail("two stores expected")
      const shared = yield* Effect.provide(Redis.Redis, contexts[0])

      const subjects = Array.from({ length: 40 }, (_, index) => `key:${index}`)
      for (let round = 0; round < 5; round += 1) {
        const decisions = yield* Effect.forEach(
          subjects.flatMap((subject) =>
            Array.from({ length: 20 }, (_, index) => ({ subject: `${subject}:${round}`, index }))
          ),
          ({ index, subject }) =>
            Effect.map((index % 2 === 0 ? here : there).reserve(reservation({ rpm: 5 }, { subject })), ({ _tag }) => ({
              subject,
              _tag
            })),
          { concurrency: "unbounded" }
        )
        const counts = Map.groupBy(
          decisions.filter(({ _tag }) => _tag === "Admitted"),
          ({ subject }) => subject
        )
        assert.deepStrictEqual(
          [...counts.values()].map((admissions) => admissions.length),
          Array(40).fill(5)
        )
        // Every node forgets, and is told again.
        yield* shared.send("script", "flush")
      }

      const asked = reservation({ concurrency: 1, tpm: 100 }, { subject: "key:settled", tokens: 90 })
      admitted(yield* here.reserve(asked))
      refused(yield* here.reserve(reservation({ concurrency: 1 }, { subject: "key:settled" })))
      yield* here.settle(asked, 10)
      admitted(yield* here.reserve(reservation({ concurrency: 1, tpm: 100 }, { subject: "key:settled", tokens: 90 })))

      const messages = yield* Effect.provide(
        Effect.flatMap(Redis.Redis, (redis) => redis.subscribe("revocations")),
        contexts[1]
      )
      yield* Effect.raceFirst(
        Queue.take(messages),
        Effect.forever(Effect.andThen(shared.send("publish", "revocations", "key_1"), Effect.sleep("5 millis")))
      )
    })
  )
})
