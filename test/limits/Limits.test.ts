import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { RateLimitError } from "../../src/domain/Errors.ts"
import type { Principal } from "../../src/domain/Principal.ts"
import { LimiterStore, type Windows } from "../../src/limits/LimiterStore.ts"
import { Limits } from "../../src/limits/Limits.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

const principal = (more: Partial<Principal> = {}): Principal => ({
  userId: "user_1",
  credentialId: "key_1",
  kind: "key",
  label: "test",
  tier: "small",
  limitSubject: "key:key_1",
  limits: {},
  scopes: ["inference"],
  ...more
})

const settings = layerTestSettings({
  tiers: new Map([
    ["small", { rpm: 2, rpd: 100, concurrency: 5 }],
    ["tokens", { tpm: 1000 }],
    ["single", { concurrency: 1 }],
    ["enterprise", {}]
  ]),
  modelLimits: new Map([["gigachat/GigaChat-2-Max", { tpm: 100 }]])
})

const layer = Limits.layerSettings.pipe(Layer.provide(LimiterStore.layerMemory), Layer.provide(settings))

let lastRequest = 0
const admit = (caller: Principal, estimate = 0, onWindows: (windows: Windows) => void = () => undefined) =>
  Effect.flatMap(Limits, (limits) =>
    limits.admit({ principal: caller, requestId: `req_${(lastRequest += 1)}`, estimate, onWindows })
  )

/** The refusal of a request, as a client that is let in and at once goes again would see it. */
const refusal = (caller: Principal, estimate = 0) => Effect.flip(Effect.scoped(admit(caller, estimate)))

const rateLimited = (error: { readonly _tag: string }): error is RateLimitError => error._tag === "RateLimitError"

describe("Limits", () => {
  it.effect(
    "let a caller make as many requests as its tier allows, and say which limit ended that and for how long",
    () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(1000)
        yield* Effect.scoped(admit(principal()))
        yield* TestClock.setTime(19_500)
        yield* Effect.scoped(admit(principal()))
        const error = yield* refusal(principal())
        assert.isTrue(rateLimited(error))
        assert.deepInclude(error, {
          code: "rate_limit_error",
          reason: "requests_per_minute",
          limit: 2,
          remaining: 0,
          retryAfterMillis: 41_500,
          message: "The limit of 2 requests per minute is reached; retry in 42 s"
        })
      }).pipe(Effect.provide(layer))
  )

  it.effect("put a key's own limits over those of its tier, one by one", () =>
    Effect.gen(function* () {
      const own = principal({ limits: { rpm: 3, tpd: 50 } })
      let windows: Windows = {}
      yield* Effect.scoped(admit(own, 20, (told) => (windows = told)))
      assert.strictEqual(windows.requestsPerMinute?.limit, 3)
      assert.strictEqual(windows.requestsPerDay?.limit, 100)
      assert.strictEqual(windows.tokensPerDay?.limit, 50)
    }).pipe(Effect.provide(layer))
  )

  it.effect("tell the windows of an admission and of a refusal", () =>
    Effect.gen(function* () {
      const told: Array<number | undefined> = []
      for (let index = 0; index < 3; index += 1) {
        yield* Effect.ignore(
          Effect.scoped(admit(principal(), 0, (windows) => told.push(windows.requestsPerMinute?.remaining)))
        )
      }
      assert.deepStrictEqual(told, [1, 0, 0])
    }).pipe(Effect.provide(layer))
  )

  it.effect("ask no store for a caller without limits", () =>
    Effect.gen(function* () {
      let told: Windows | undefined
      const admission = yield* Effect.scoped(
        admit(principal({ tier: "enterprise" }), 10, (windows) => {
          told = windows
        })
      )
      admission.used(5)
      assert.deepStrictEqual(told, {})
    }).pipe(
      Effect.provide(
        Limits.layerSettings.pipe(
          Layer.provide(
            Layer.succeed(LimiterStore, {
              reserve: () => Effect.die("asked"),
              settle: () => Effect.die("asked"),
              look: () => Effect.never,
              renew: () => Effect.die("asked")
            })
          ),
          Layer.provide(settings)
        )
      )
    )
  )

  it.effect("hold a caller of a tier that is not configured to the least that any tier allows", () =>
    Effect.gen(function* () {
      let windows: Windows = {}
      const caller = principal({ tier: "gone", limits: { rpd: 7 } })
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* admit(caller, 10, (told) => (windows = told))
          const error = yield* refusal(caller, 10)
          assert.strictEqual(rateLimited(error) && error.reason, "concurrency")
        })
      )
      assert.strictEqual(windows.requestsPerMinute?.limit, 2)
      assert.strictEqual(windows.requestsPerDay?.limit, 7)
      assert.strictEqual(windows.tokensPerMinute?.limit, 1000)
    }).pipe(Effect.provide(layer))
  )

  it.effect("give a place back when the request's scope closes, however it ends", () =>
    Effect.gen(function* () {
      const caller = principal({ tier: "single" })
      const scope = yield* Scope.make()
      yield* Scope.provide(admit(caller), scope)
      const error = yield* refusal(caller)
      assert.strictEqual(error.message, "The limit of 1 simultaneous request is reached; retry when it has ended")
      yield* Scope.close(scope, Exit.void)

      const interrupted = yield* Effect.forkChild(Effect.scoped(Effect.andThen(admit(caller), Effect.never)))
      yield* Effect.yieldNow
      yield* refusal(caller)
      yield* Fiber.interrupt(interrupted)

      yield* Effect.exit(Effect.scoped(Effect.andThen(admit(caller), Effect.die("failed"))))
      yield* Effect.scoped(admit(caller))
    }).pipe(Effect.provide(layer))
  )

  it.effect("keep the place of a request that runs for minutes", () =>
    Effect.gen(function* () {
      const caller = principal({ tier: "single" })
      const scope = yield* Scope.make()
      yield* Scope.provide(admit(caller), scope)
      for (let index = 0; index < 20; index += 1) {
        yield* TestClock.adjust("15 seconds")
        yield* refusal(caller)
      }
      yield* Scope.close(scope, Exit.void)
      yield* Effect.scoped(admit(caller))
    }).pipe(Effect.provide(layer))
  )

  it.effect("settle the tokens that were told to be used, and the estimate where nothing was told", () =>
    Effect.gen(function* () {
      const caller = principal({ tier: "tokens" })
      yield* Effect.scoped(Effect.tap(admit(caller, 900), (admission) => Effect.sync(() => admission.used(100))))
      yield* Effect.scoped(admit(caller, 700))
      const error = yield* refusal(caller, 300)
      assert.strictEqual(
        error.message,
        "The limit of 1000 tokens per minute is reached: 200 are left and this request is estimated at 300; retry in 60 s"
      )
      yield* Effect.scoped(admit(caller, 200))
    }).pipe(Effect.provide(layer))
  )

  it.effect("hold all callers of a model together to what the model allows", () =>
    Effect.gen(function* () {
      const limits = yield* Limits
      const call = (model: string, estimate: number) =>
        Effect.scoped(limits.admitModel({ model, requestId: `req_${(lastRequest += 1)}`, estimate }))
      yield* call("gigachat/GigaChat-2-Max", 60)
      const error = yield* Effect.flip(call("gigachat/GigaChat-2-Max", 60))
      assert.strictEqual(
        error.message,
        "The limit of 100 tokens per minute for all callers of gigachat/GigaChat-2-Max together is reached: " +
          "40 are left and this request is estimated at 60; retry in 60 s"
      )
      yield* call("gigachat/GigaChat-2", 60_000)
    }).pipe(Effect.provide(layer))
  )

  it.effect("say of a wait for midnight how many hours it is", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(5 * 3_600_000 - 30_000)
      const caller = principal({ limits: { rpd: 1 } })
      yield* Effect.scoped(admit(caller))
      const error = yield* refusal(caller)
      assert.strictEqual(error.message, "The limit of 1 request per day (UTC) is reached; retry in 19 h 1 min")
    }).pipe(Effect.provide(layer))
  )
})
