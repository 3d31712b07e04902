import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type ProviderFailure, ValidationError } from "../../src/domain/Errors.ts"
import { ProviderHealth } from "../../src/router/ProviderHealth.ts"
import { type Answer, alias, layerRouting, says, scripted, started, tells, text } from "../support/ScriptedProvider.ts"
import { asStreamAndWhole, failure, limited, open, quiet, refused, restOf, smart, textOf } from "./asking.ts"

describe("where a candidate fails", () => {
  const failures = [
    ...(["provider_failed", "provider_unavailable", "provider_timeout", "provider_invalid_answer"] as const),
    ...(["provider_rejected_credentials", "provider_tls", "circuit_open"] as const)
  ].map((reason) => failure(reason))

  for (const isStream of asStreamAndWhole) {
    const form = isStream ? "streamed" : "not streamed"

    for (const error of [...failures, limited]) {
      it.effect(`with ${error.reason}, the next takes over (${form})`, () => {
        const a = scripted("a", { answer: Stream.fail(error) })
        const b = scripted("b")
        return Effect.gen(function* () {
          const reply = yield* open("smart", isStream)
          assert.strictEqual(textOf(reply.first), "I am b")
          assert.deepStrictEqual(reply.attempts, [
            { provider: "a", model: "m", status: "failed", reason: error.reason, latency_ms: 0 }
          ])
          assert.deepStrictEqual([a.sent.length, b.sent.length], [1, 1])
        }).pipe(Effect.scoped, Effect.provide(smart([a, b])), quiet)
      })
    }

    it.effect(`after a start without content, the next takes over (${form})`, () => {
      const before = tells(started).pipe(Stream.concat(Stream.fail(failure("provider_failed"))))
      return Effect.gen(function* () {
        const reply = yield* open("smart", isStream)
        assert.strictEqual(textOf(reply.first), "I am b")
      }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { answer: before }), scripted("b")])), quiet)
    })

    it.effect(`by ending without content, the next takes over (${form})`, () =>
      Effect.gen(function* () {
        const reply = yield* open("smart", isStream)
        assert.deepStrictEqual(
          reply.attempts.map(({ provider, reason }) => [provider, reason]),
          [
            ["a", "provider_invalid_answer"],
            ["b", "provider_invalid_answer"]
          ]
        )
        assert.strictEqual(textOf(reply.first), "I am c")
      }).pipe(
        Effect.scoped,
        Effect.provide(
          smart([scripted("a", { answer: tells(started) }), scripted("b", { answer: Stream.empty }), scripted("c")])
        ),
        quiet
      )
    )

    it.effect(`with what is the caller's own fault, nobody else is asked (${form})`, () => {
      const b = scripted("b")
      return Effect.gen(function* () {
        const health = yield* ProviderHealth
        assert.strictEqual(yield* Effect.flip(open("smart", isStream)), refused)
        assert.deepStrictEqual([b.prepared.length, b.sent.length], [0, 0])
        assert.strictEqual(health.status().get("a"), "up")
      }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { answer: Stream.fail(refused) }), b])))
    })

    it.effect(`by a defect of ours, it is told as that, and nobody else is asked (${form})`, () => {
      const b = scripted("b")
      return Effect.gen(function* () {
        const exit = yield* Effect.exit(open("smart", isStream))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.strictEqual(b.sent.length, 0)
      }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { answer: Stream.die(new Error("defect")) }), b])))
    })
  }

  it.effect("and no other is left, the last failure is told with what was tried, and how long", () => {
    const after = (millis: number, error: ProviderFailure): Answer =>
      Stream.unwrap(Effect.delay(Effect.succeed(Stream.fail(error)), millis))
    const last = failure("provider_failed", { upstreamStatus: 503, upstreamMessage: "busy", retryAfterMillis: 5000 })
    return Effect.gen(function* () {
      const asked = yield* Effect.forkChild(Effect.flip(open("smart")), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Fiber.join(asked), {
        _tag: "ProviderError",
        reason: "provider_failed",
        message: last.message,
        provider: "p",
        upstreamStatus: 503,
        upstreamMessage: "busy",
        retryAfterMillis: 5000,
        attempts: [
          { provider: "a", model: "m", status: "failed", reason: "provider_rate_limit", latency_ms: 200 },
          { provider: "b", model: "m", status: "failed", reason: "provider_failed", latency_ms: 300 }
        ]
      })
    }).pipe(
      Effect.scoped,
      Effect.provide(
        smart([scripted("a", { answer: after(200, limited) }), scripted("b", { answer: after(300, last) })])
      ),
      quiet
    )
  })

  it.effect("and the last one was limited, that limit is told, with what was tried", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(open("smart"))
      const { message, reason, retryAfterMillis } = limited
      assert.deepInclude(error, { _tag: "RateLimitError", message, provider: "p", reason, retryAfterMillis })
      assert.deepStrictEqual(
        error._tag === "RateLimitError" ? error.attempts?.map(({ reason }) => reason) : undefined,
        ["provider_timeout", "provider_rate_limit"]
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(
        smart([
          scripted("a", { answer: Stream.fail(failure("provider_timeout")) }),
          scripted("b", { answer: Stream.fail(limited) })
        ])
      ),
      quiet
    )
  )

  it.effect("candidates that cannot carry the request are passed over, and are no attempt", () => {
    const unable = new ValidationError({ reason: "unsupported_parameter", message: "No tools", param: "tools" })
    return Effect.gen(function* () {
      const reply = yield* open("smart")
      assert.strictEqual(reply.candidate.provider.name, "c")
      assert.deepStrictEqual(
        reply.attempts.map(({ provider }) => provider),
        ["a"]
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(
        smart([
          scripted("a", { answer: Stream.fail(failure("provider_failed")) }),
          scripted("b", { refusal: unable }),
          scripted("c")
        ])
      ),
      quiet
    )
  })

  it.effect("after its first content, nobody takes over: the answer breaks", () => {
    const b = scripted("b")
    const answer = tells(started, text("I a")).pipe(Stream.concat(Stream.fail(failure("provider_failed"))))
    return Effect.gen(function* () {
      const reply = yield* open("smart")
      assert.strictEqual(textOf(reply.first), "I a")
      assert.deepInclude(yield* Effect.flip(restOf(reply)), { reason: "provider_failed" })
      assert.strictEqual(b.sent.length, 0)
    }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { answer }), b])))
  })

  it.effect("fallbacks come after all candidates", () => {
    const broken = (name: string) => scripted(name, { answer: Stream.fail(failure("provider_failed")) })
    return Effect.gen(function* () {
      const reply = yield* open("smart")
      assert.strictEqual(reply.candidate.provider.name, "d")
      assert.deepStrictEqual(
        reply.attempts.map(({ provider }) => provider),
        ["a", "b", "c"]
      )
    }).pipe(
      Effect.scoped,
      Effect.provide(
        layerRouting([broken("a"), broken("b"), broken("c"), scripted("d")], {
          models: new Map([["smart", alias(["a/m", "b/m"], { fallbacks: ["c/m", "d/m"] })]])
        })
      ),
      quiet
    )
  })

  it.effect("its health is told, and its success after", () => {
    let isBroken = true
    const answer = Stream.suspend(() => (isBroken ? Stream.fail(failure("provider_failed")) : says("Well again")))
    return Effect.gen(function* () {
      const { status } = yield* ProviderHealth
      yield* open("smart")
      assert.deepStrictEqual(
        [...status()],
        [
          ["a", "degraded"],
          ["b", "up"]
        ]
      )
      isBroken = false
      yield* open("smart")
      assert.strictEqual(status().get("a"), "up")
    }).pipe(Effect.scoped, Effect.provide(smart([scripted("a", { answer }), scripted("b")])), quiet)
  })
})
