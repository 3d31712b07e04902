import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, References } from "effect"
import { generateKey } from "../../src/auth/ApiKey.ts"
import { Health } from "../../src/gateway/Health.ts"
import { LimiterStore } from "../../src/limits/LimiterStore.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { eventually } from "../support/Eventually.ts"
import { hello, startGateway, type TestGateway } from "../support/Gateway.ts"
import { startPostgres } from "../support/Postgres.ts"
import { startRedis } from "../support/Redis.ts"
import { layerRouting, scripted } from "../support/ScriptedProvider.ts"
import { DatabaseSwitch, switched } from "../support/SwitchedDatabase.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { withSettableClock } from "../support/SettableClock.ts"
import { layerPostgres, migrated } from "../support/TestDatabase.ts"
import { layerTestSettings } from "../support/TestSettings.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { assertUnavailable, statusOf } from "./databaseAway.ts"

/** As a scrape is told, by whomever else nothing was asked. */
const databaseIs = (gateway: TestGateway, state: "degraded" | "serving") =>
  Effect.map(gateway.request("/metrics"), ({ text }) =>
    text.includes(`xrouter_degraded{component="database"} ${state === "degraded" ? 1 : 0}\n`)
  )

class Subject extends Context.Service<Subject, TestGateway>()("Subject") {
  static readonly layer = Layer.effect(Subject, startGateway())
}

layer(Subject.layer, { excludeTestServices: true })("a gateway that has what it needs", (it) => {
  it.effect("lives, is ready, and tells of each component, to anybody", () =>
    Effect.gen(function* () {
      const { request } = yield* Subject
      assert.deepStrictEqual((yield* request("/health/live")).json, { status: "up" })
      assert.deepStrictEqual((yield* request("/health/ready")).json, { status: "up" })
      const health = yield* request("/health")
      assert.strictEqual(health.status, 200)
      assert.deepStrictEqual(health.json, {
        status: "up",
        components: { database: "up", redis: "off", providers: { sandbox: "up" } }
      })
      assert.deepStrictEqual((yield* request("/health/providers")).json, { sandbox: { status: "up" } })
    })
  )

  it.effect("answers HEAD, as some probes ask", () =>
    Effect.gen(function* () {
      const { request } = yield* Subject
      for (const path of ["/health/live", "/health/ready", "/health", "/metrics"]) {
        const answer = yield* request(path, { method: "HEAD" })
        assert.deepStrictEqual([answer.status, answer.text], [200, ""], path)
      }
    })
  )
})

describe("a provider that fails", () => {
  it.live("is degraded, then down, and up again after one success; the gateway stays ready", () =>
    Effect.gen(function* () {
      let isBroken = true
      const completion = {
        choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }]
      }
      const upstream = yield* Scripted.make(() => (isBroken ? Scripted.json(500, {}) : Scripted.json(200, completion)))
      const gateway = yield* startGateway({
        providers: providers({ openai: openAiSettings(upstream.url), sandbox: { kind: "sandbox" } })
      })
      const key = yield* gateway.makeKey()
      const told: Array<unknown> = []
      const ask = Effect.gen(function* () {
        yield* gateway.chat(key, { ...hello, model: "openai/any" })
        const { json } = yield* gateway.request("/health")
        told.push([json.status, json.components.providers.openai, yield* statusOf(gateway, "/health/ready")])
      })
      // Each request asks it twice.
      yield* ask
      yield* ask
      isBroken = false
      yield* ask
      assert.deepStrictEqual(told, [
        ["degraded", "degraded", "200 degraded"],
        ["degraded", "down", "200 degraded"],
        ["up", "up", "200 up"]
      ])
    }).pipe(Effect.scoped)
  )
})

describe("a database", () => {
  it.live("that was never reached keeps the gateway from being ready, until it is there", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      yield* server.kill
      const gateway = yield* startGateway({ databaseUrl: Redacted.make(server.url("postgres")) })
      assert.strictEqual((yield* gateway.request("/health/live")).status, 200)
      assertUnavailable(yield* gateway.request("/health/ready"))
      const health = yield* gateway.request("/health")
      assert.strictEqual(health.status, 503)
      assert.deepInclude(health.json, { status: "down" })
      assert.strictEqual(health.json.components.database, "down")
      assertUnavailable(yield* gateway.chat(generateKey("pro"), hello))
      assertUnavailable(yield* gateway.admin("GET", "/users"))
      yield* server.restart
      yield* eventually(Effect.map(statusOf(gateway, "/health"), (status) => status === "200 up"))
      assert.strictEqual(yield* statusOf(gateway, "/health/ready"), "200 up")
      assert.strictEqual((yield* gateway.chat(yield* gateway.makeKey(), hello)).status, 200)
    }).pipe(Effect.scoped)
  )

  it.live("that dies leaves known keys served; a key that cannot be looked up is not called wrong", () =>
    Effect.gen(function* () {
      const server = yield* startPostgres
      const gateway = yield* startGateway({ databaseUrl: Redacted.make(server.url("postgres")) })
      const key = yield* gateway.makeKey()
      const asked = yield* gateway.makeKey()
      assert.strictEqual((yield* gateway.chat(key, hello)).status, 200)

      yield* server.kill
      yield* eventually(databaseIs(gateway, "degraded"))
      const health = yield* gateway.request("/health")
      assert.deepStrictEqual([health.status, health.json.status], [200, "degraded"])
      assert.strictEqual(health.json.components.database, "down")
      assert.strictEqual(yield* statusOf(gateway, "/health/ready"), "200 degraded")
      assert.strictEqual((yield* gateway.chat(key, hello)).status, 200)
      for (const unknown of [asked, generateKey("pro")]) assertUnavailable(yield* gateway.chat(unknown, hello))
      assert.strictEqual((yield* gateway.chat("xr-pro-mistyped", hello)).status, 401)
      assertUnavailable(yield* gateway.admin("GET", "/users"))

      yield* server.restart
      yield* eventually(databaseIs(gateway, "serving"))
      assert.strictEqual(yield* statusOf(gateway, "/health"), "200 up")
      assert.strictEqual((yield* gateway.chat(asked, hello)).status, 200)
      assert.strictEqual((yield* gateway.chat(generateKey("pro"), hello)).status, 401)
    }).pipe(Effect.scoped)
  )
})

describe("a gateway that serves nobody without its limits", () => {
  it.live("is not ready while Redis is away, and says why", () =>
    Effect.gen(function* () {
      const redis = yield* startRedis()
      yield* redis.kill
      const gateway = yield* startGateway({ redisUrls: [Redacted.make(redis.url)], onRedisFailure: "closed" })
      assert.strictEqual(yield* statusOf(gateway, "/health/ready"), "503 limiter_unavailable")
      assert.strictEqual(yield* statusOf(gateway, "/health"), "503 down")
      yield* redis.restart
      yield* eventually(Effect.map(statusOf(gateway, "/health/ready"), (status) => status === "200 up"))
    }).pipe(Effect.scoped)
  )
})

describe("a gateway whose time of day is set back", () => {
  it.live("tells of its database what is so now", () =>
    withSettableClock((setBack) =>
      Effect.gen(function* () {
        const health = yield* Health
        const database = Effect.map(health.report, ({ components }) => components.database)
        assert.strictEqual(yield* database, "up")
        setBack(3_600_000)
        ;(yield* DatabaseSwitch).state = "away"
        yield* eventually(Effect.map(database, (status) => status === "down"))
      }).pipe(
        Effect.provide(
          Health.layer.pipe(
            Layer.provideMerge(switched(migrated(layerPostgres))),
            Layer.provide([
              migrated(layerPostgres),
              LimiterStore.layerMemory,
              Metrics.layer,
              layerRouting([scripted("a")]),
              layerTestSettings()
            ])
          )
        ),
        Effect.provideService(References.MinimumLogLevel, "None")
      )
    )
  )
})

describe("a gateway that is about to stop", () => {
  it.live("is not ready, whatever it has", () =>
    Effect.gen(function* () {
      const health = yield* Health
      assert.strictEqual(yield* health.ready, "up")
      yield* health.drain
      assert.strictEqual((yield* health.report).status, "down")
      assert.deepInclude(yield* Effect.flip(health.ready), { reason: "draining" })
    }).pipe(
      Effect.provide(
        Health.layer.pipe(
          Layer.provide([
            migrated(layerPostgres),
            LimiterStore.layerMemory,
            Metrics.layer,
            layerRouting([scripted("a")]),
            layerTestSettings()
          ])
        )
      ),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  )
})
