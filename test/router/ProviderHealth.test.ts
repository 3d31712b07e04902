import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ProviderHealth } from "../../src/router/ProviderHealth.ts"
import { layerRouting, scripted } from "../support/ScriptedProvider.ts"

const subject = layerRouting([scripted("a"), scripted("b")])

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
        health.failed("a")
        look()
      }
      health.succeeded("a")
      look()
      assert.deepStrictEqual(told, ["degraded", "degraded", "down", "down", "up"])
      assert.strictEqual(health.status().get("b"), "up")
    }).pipe(Effect.provide(subject))
  )

  it.effect("counts failures in a row only", () =>
    Effect.gen(function* () {
      const health = yield* ProviderHealth
      for (let round = 0; round < 5; round++) {
        health.failed("a")
        health.failed("a")
        health.succeeded("a")
      }
      health.failed("a")
      assert.strictEqual(health.status().get("a"), "degraded")
    }).pipe(Effect.provide(subject))
  )
})
