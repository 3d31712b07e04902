import { assert } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Logger, Redacted, type Scope } from "effect"
import * as Redis from "effect/persistence/Redis"
import { TestClock } from "effect/testing"
import type { LimitSet } from "../../src/domain/Principal.ts"
import type { Decision, LimiterStore, Reservation } from "../../src/limits/LimiterStore.ts"
import { makeMemoryStore } from "../../src/limits/MemoryStore.ts"
import { makeRedisStore } from "../../src/limits/RedisStore.ts"
import { layerUrls } from "../../src/storage/Redis.ts"
import { startRedis } from "../support/Redis.ts"
import { sharedRedisCluster } from "../support/RedisCluster.ts"

export type Store = LimiterStore["Service"]

let lastRequest = 0

export const reservation = (limits: LimitSet, more: Partial<Reservation> = {}): Reservation => ({
  subject: "key:one",
  limits,
  requestId: `req_${(lastRequest += 1)}`,
  tokens: 0,
  ...more
})

export const refused = (decision: Decision) => {
  if (decision._tag !== "Refused") return assert.fail("admitted, where a refusal was due")
  return decision
}

export const admitted = (decision: Decision) => {
  if (decision._tag !== "Admitted") return assert.fail(`refused for ${decision.reason}, where an admission was due`)
  return decision
}

/** Sets the clock that the stores under test go by. */
export const at = (millis: number) => TestClock.setTime(millis)

/** Warnings of stores that are taken away on purpose are no part of the tests' output. */
export const quietly = Layer.provide(Logger.layer([]))

/** Patient, since a machine that runs tests may be slow and a test of the counters is not about that. */
export const connect = (
  ...urls: ReadonlyArray<string>
): Effect.Effect<Context.Context<Redis.Redis>, unknown, Scope.Scope> =>
  Layer.build(
    Layer.fresh(
      layerUrls(
        urls.map((url) => Redacted.make(url)),
        { patienceMillis: 10_000 }
      )
    )
  )

let lastPrefix = 0

/** The stores under test, all by the test's clock, each with counters of its own. */
export const stores: ReadonlyArray<{
  readonly name: string
  readonly make: Effect.Effect<Store, unknown, Scope.Scope>
}> = [
  { name: "in memory", make: Effect.map(makeMemoryStore, ({ store }) => store) },
  {
    name: "in Redis",
    make: Effect.gen(function* () {
      const { url } = yield* startRedis()
      return yield* makeRedisStore({ now: Clock.currentTimeMillis }).pipe(
        // The connection's own timers must not stand still.
        Effect.provide(yield* TestClock.withLive(connect(url)))
      )
    })
  },
  {
    name: "in a Redis Cluster",
    make: Effect.gen(function* () {
      const { urls } = yield* sharedRedisCluster
      return yield* makeRedisStore({ now: Clock.currentTimeMillis, prefix: `suite:${(lastPrefix += 1)}:` }).pipe(
        Effect.provide(yield* TestClock.withLive(connect(...urls)))
      )
    })
  }
]
