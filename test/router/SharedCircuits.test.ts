import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, Effect, Layer, Redacted } from "effect"
import { Providers } from "../../src/router/Providers.ts"
import { Conditions } from "../../src/router/Conditions.ts"
import { Metrics } from "../../src/telemetry/Metrics.ts"
import { eventually } from "../support/Eventually.ts"
import { startRedis } from "../support/Redis.ts"
import { scripted } from "../support/ScriptedProvider.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

const a = scripted("a")

/** What an instance knows of its providers. */
const instance = (redisUrl: string) =>
  Effect.map(
    Layer.build(
      Layer.fresh(Conditions.layer).pipe(
        Layer.provideMerge(Layer.fresh(Metrics.layer)),
        Layer.provide(Layer.succeed(Providers, new Map([["a", a]]))),
        Layer.provide(layerTestSettings({ redisUrls: [Redacted.make(redisUrl)] }))
      )
    ),
    (context) => {
      const conditions = Context.get(context, Conditions)
      return {
        conditions,
        told: Context.get(context, Metrics).render,
        circuit: (model: string) => conditions.of(a, model).circuit
      }
    }
  )

describe("instances on one Redis", () => {
  it.live("know of each other's circuits, open and closed", () =>
    Effect.gen(function* () {
      const { url } = yield* startRedis()
      const clock = yield* Clock.Clock
      const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
      const [one, two] = yield* Effect.all([instance(url), instance(url)])
      const isOpen = ({ circuit }: typeof one) => Effect.sync(() => circuit("m").waitAt(now()) !== undefined)
      // The subscription stands a moment after the start; a message before that is lost.
      yield* eventually(
        Effect.suspend(() => {
          one.circuit("m").openFor(30_000, now())
          one.conditions.changed(a, "m", now())
          return isOpen(two)
        })
      )
      const wait = two.circuit("m").waitAt(now()) ?? 0
      assert.isTrue(wait > 20_000 && wait <= 30_000, `${wait}`)
      assert.strictEqual(two.conditions.circuit("a", now()), "open")
      assert.include(yield* two.told, 'xrouter_circuit_open{provider="a"} 1')
      assert.isUndefined(two.circuit("another").waitAt(now()))

      two.circuit("m").close()
      two.conditions.changed(a, "m", now())
      yield* eventually(Effect.map(isOpen(one), (open) => !open))
      assert.include(yield* one.told, 'xrouter_circuit_open{provider="a"} 0')
    }).pipe(Effect.scoped)
  )
})
