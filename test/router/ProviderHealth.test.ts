import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { ProviderHealth } from "../../src/router/ProviderHealth.ts"
import { layerRouting, scripted } from "../support/ScriptedProvider.ts"

const a = scripted("a")
const subject = layerRouting([a, scripted("b")])

describe("a provider's health", () => {
  it.effect("is up before anybody has called", () =>
    Effect.gen(function* () {
      const { status } = yield* ProviderHealth
      assert.deepStrictEqual(
        [...status()],
        [
          ["a", "up"],
          ["b", "up"]
        ]
      )
    }).pipe(Effect.provide(subject))
  )

  it.effect("is degraded by a failure, down by three in a row, and up again by one success", () =>
    Effect.gen(function* () {
      const health = yield* ProviderHealth
      const told: Array<string | undefined> = []
      const look = () => told.push(health.status().get("a"))
      for (let failure = 0; failure < 4; failure++) {
        health.failed(a)
        look()
      }
      health.succeeded(a, 100)
      look()
      assert.deepStrictEqual(told, ["degraded", "degraded", "down", "down", "up"])
      assert.strictEqual(health.status().get("b"), "up")
    }).pipe(Effect.provide(subject))
  )

  it.effect("counts failures in a row only", () =>
    Effect.gen(function* () {
      const health = yield* ProviderHealth
      for (let round = 0; round < 5; round++) {
        health.failed(a)
        health.failed(a)
        health.succeeded(a, 100)
      }
      health.failed(a)
      assert.strictEqual(health.status().get("a"), "degraded")
    }).pipe(Effect.provide(subject))
  )
})

describe("a provider's record", () => {
  it.effect("tells its success rate and its middle latency of the last hundred calls, and since when it is so", () =>
    Effect.gen(function* () {
      const health = yield* ProviderHealth
      const record = () => health.records().get("a")
      assert.deepStrictEqual(record(), { status: "up", changedAt: 0, successRate: undefined, latency: undefined })
      yield* TestClock.adjust("1 second")
      for (const millis of [300, 100, 200]) health.succeeded(a, millis)
      assert.deepStrictEqual(record(), { status: "up", changedAt: 0, successRate: 1, latency: 200 })
      health.failed(a)
      assert.deepStrictEqual(record(), { status: "degraded", changedAt: 1000, successRate: 0.75, latency: 200 })
      yield* TestClock.adjust("1 second")
      health.failed(a)
      assert.deepInclude(record(), { status: "degraded", changedAt: 1000 })
      health.failed(a)
      assert.deepInclude(record(), { status: "down", changedAt: 2000, successRate: 0.5 })
      yield* TestClock.adjust("1 second")
      health.failed(a)
      assert.deepInclude(record(), { status: "down", changedAt: 2000 })
      for (let i = 0; i < 100; i++) health.succeeded(a, 50)
      assert.deepStrictEqual(record(), { status: "up", changedAt: 3000, successRate: 1, latency: 50 })
    }).pipe(Effect.provide(subject))
  )
})
