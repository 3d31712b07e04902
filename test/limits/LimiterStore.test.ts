import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Queue, Redacted } from "effect"
import * as Redis from "effect/persistence/Redis"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { makeDegradedStore } from "../../src/limits/DegradedStore.ts"
import { LimiterStore } from "../../src/limits/LimiterStore.ts"
import { makeRedisStore } from "../../src/limits/RedisStore.ts"
import { layerUrls } from "../../src/storage/Redis.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { eventually } from "../support/Eventually.ts"
import { startRedis } from "../support/Redis.ts"
import { sharedRedisCluster } from "../support/RedisCluster.ts"
import { layerTestSettings } from "../support/TestSettings.ts"
import { admitted, quietly, refused, reservation } from "./stores.ts"

const layer = (settings: Partial<SettingsValue>) =>
  LimiterStore.layerSettings.pipe(Layer.provide(Metrics.layer), Layer.provide(layerTestSettings(settings)), quietly)

/** The same with a Redis that is waited for: a slow machine is not what is tested. One that is gone fails at once. */
const patient = (url: string) =>
  Layer.build(
    Layer.effect(
      LimiterStore,
      Effect.flatMap(makeRedisStore(), (shared) => makeDegradedStore({ shared, mode: "share", expectedInstances: 1 }))
    ).pipe(
      Layer.provide(layerUrls([Redacted.make(url)], { patienceMillis: 10_000 })),
      Layer.provide(Metrics.layer),
      quietly
    )
  )

const degraded = Effect.map(LimiterStore, (store) => store.degraded?.() ?? false)

describe("the limiter of the settings", () => {
  it.effect("counts in memory where no Redis is configured, and cannot be degraded", () =>
    Effect.gen(function* () {
      const store = yield* LimiterStore
      admitted(yield* store.reserve(reservation({ rpm: 1 })))
      refused(yield* store.reserve(reservation({ rpm: 1 })))
      assert.isUndefined(store.degraded)
    }).pipe(Effect.provide(layer({})))
  )

  it.live("counts together with other instances where Redis is, and alone in the same minute when it is killed", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      const here = yield* patient(server.url)
      const there = yield* patient(server.url)
      const ask = Effect.flatMap(LimiterStore, (store) => store.reserve(reservation({ rpm: 3 })))
      admitted(yield* Effect.provide(ask, here))
      admitted(yield* Effect.provide(ask, here))
      admitted(yield* Effect.provide(ask, there))
      refused(yield* Effect.provide(ask, here))

      yield* server.kill
      yield* Effect.gen(function* () {
        admitted(yield* ask)
        for (let index = 0; index < 5; index += 1) refused(yield* ask)
        assert.isTrue(yield* degraded)

        yield* server.restart
        const returnedAt = performance.now()
        yield* eventually(Effect.map(degraded, (is) => !is))
        assert.isBelow(performance.now() - returnedAt, 3000)
      }).pipe(Effect.provide(here))
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.live("starts without Redis, degraded from the first request on", () =>
    Effect.gen(function* () {
      const server = yield* startRedis()
      yield* server.kill
      yield* Effect.gen(function* () {
        const store = yield* LimiterStore
        assert.isTrue(yield* degraded)
        for (let index = 0; index < 5; index += 1) admitted(yield* store.reserve(reservation({ rpm: 10 })))
        refused(yield* store.reserve(reservation({ rpm: 10 })))
      }).pipe(Effect.provide(layer({ redisUrls: [Redacted.make(server.url)], expectedInstances: 2 })))
    })
  )

  it.live("needs no more rights of its Redis user than docs/operations.md says", () =>
    Effect.gen(function* () {
      const page = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8")
      const told = /\*\*Rights\*\* of an ACL user: `([^`]+)`, for a cluster also\s+`([^`]+)`/.exec(page)
      const [, alone = "", inCluster = ""] = told ?? assert.fail("no rights are told")
      const [user, password] = ["xrouter-limited", "s3cret"]
      const rights = ["on", `>${password}`, ...alone.split(" "), ...inCluster.split(" ")]
      const works = (...urls: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const redis = yield* Redis.Redis
          const store = yield* makeRedisStore()
          for (const subject of ["key:a", "key:b", "key:c", "key:d"]) {
            const asked = reservation({ rpm: 5, rpd: 5, tpm: 50, tpd: 50, concurrency: 5 }, { subject, tokens: 5 })
            admitted(yield* store.reserve(asked))
            yield* store.renew([asked])
            yield* store.settle(asked, 3)
            const windows = Effect.map(store.reserve(reservation({ tpm: 50 }, { subject })), ({ windows }) => windows)
            yield* eventually(Effect.map(windows, ({ tokensPerMinute }) => tokensPerMinute?.remaining === 47))
          }
          const messages = yield* redis.subscribe("xrouter:revocations")
          yield* eventually(
            Effect.map(redis.send<number>("publish", "xrouter:revocations", "x"), (receivers) => receivers > 0)
          )
          yield* Queue.take(messages)
        }).pipe(
          Effect.provide(
            layerUrls(
              urls.map((url) => Redacted.make(url.replace("redis://", `redis://${user}:${password}@`))),
              { patienceMillis: 10_000 }
            )
          ),
          Effect.scoped
        )
      const server = yield* startRedis({ args: ["--user", user, ...rights.slice(0, -inCluster.split(" ").length)] })
      yield* works(server.url)
      const { nodes, urls } = yield* sharedRedisCluster
      for (const { send } of nodes) yield* send("acl", "setuser", user, ...rights)
      yield* works(...urls)
      for (const { send } of nodes) yield* send("acl", "deluser", user)
    })
  )

  it.live("does not start with a Redis user that may not run scripts", () =>
    Effect.gen(function* () {
      const server = yield* startRedis({ args: ["--user", "limited", "on", ">pass", "~*", "+@all", "-evalsha"] })
      const url = Redacted.make(`redis://limited:pass@127.0.0.1:${server.port}`)
      const error = yield* Effect.flip(Layer.build(layer({ redisUrls: [url] })))
      assert.include(error.message, "REDIS_URL: this user lacks rights: NOPERM")
    })
  )
})
