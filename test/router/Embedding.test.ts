import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import type { ProviderFailure } from "../../src/domain/Errors.ts"
import type { EmbeddingCall, Embeddings } from "../../src/providers/Provider.ts"
import { Catalog } from "../../src/router/Catalog.ts"
import { Router } from "../../src/router/Router.ts"
import { alias, layerRouting, scripted } from "../support/ScriptedProvider.ts"
import { failure, quiet, refused } from "./asking.ts"

/** Answers one after the other, and holds on to the last. */
const embedding = (
  name: string,
  ...answers: ReadonlyArray<Effect.Effect<Embeddings, ProviderFailure>>
): ReturnType<typeof scripted> & { readonly asked: ReadonlyArray<EmbeddingCall> } => {
  const asked: Array<EmbeddingCall> = []
  return {
    ...scripted(name),
    asked,
    embed: (call) =>
      Effect.succeed({
        dropped: [],
        embeddings: Effect.suspend(() => {
          asked.push(call)
          return answers[asked.length - 1] ?? answers.at(-1) ?? Effect.never
        })
      })
  }
}

const vector = Effect.succeed({ vectors: [[1, 0]], promptTokens: 2 })
const failed = Effect.fail(failure("provider_unavailable"))

const routing = (...providers: ReadonlyArray<ReturnType<typeof scripted>>) =>
  layerRouting(providers, { models: new Map([["vectors", alias(providers.map(({ name }) => `${name}/m`))]]) })

const embed = Effect.gen(function* () {
  const catalog = yield* Catalog
  const router = yield* Router
  const plan = yield* router.embed({
    requestId: "req_1",
    input: ["Hello"],
    resolution: Result.getOrThrow(catalog.resolve("vectors"))
  })
  return yield* plan.open
}).pipe(Effect.scoped)

const fork = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })

describe("texts to be embedded", () => {
  it.effect("go to the candidate under its own name of the model", () => {
    const a = embedding("a", vector)
    return Effect.gen(function* () {
      const reply = yield* embed
      assert.deepStrictEqual(reply.embeddings, { vectors: [[1, 0]], promptTokens: 2 })
      assert.deepStrictEqual(
        a.asked.map(({ input, model, requestId }) => ({ input, model, requestId })),
        [{ input: ["Hello"], model: "m", requestId: "req_1" }]
      )
    }).pipe(Effect.provide(routing(a)))
  })

  it.effect("are refused where no candidate embeds, and go past those who do not", () => {
    const b = embedding("b", vector)
    return Effect.gen(function* () {
      const refusal = yield* Effect.flip(Effect.provide(embed, routing(scripted("a"))))
      assert.deepInclude(refusal, { _tag: "ValidationError", reason: "invalid_request", param: "model" })
      assert.include(refusal.message, "a has no embeddings")
      const reply = yield* Effect.provide(embed, routing(scripted("a"), b))
      assert.strictEqual(reply.candidate.provider.name, "b")
    })
  })

  it.effect("go to the next candidate where one fails, but not where the caller is at fault", () => {
    const a = embedding("a", failed, Effect.fail(refused))
    const b = embedding("b", vector)
    return Effect.gen(function* () {
      const reply = yield* embed
      assert.strictEqual(reply.candidate.provider.name, "b")
      assert.deepStrictEqual(
        reply.attempts.map(({ provider, reason }) => ({ provider, reason })),
        [{ provider: "a", reason: "provider_unavailable" }]
      )
      assert.strictEqual(yield* Effect.flip(embed), refused)
      assert.strictEqual(b.asked.length, 1)
    }).pipe(Effect.provide(routing(a, b)), quiet)
  })

  it.effect("are sent once more to a lone candidate, after a pause", () => {
    const a = embedding("a", failed, vector)
    return Effect.gen(function* () {
      const asking = yield* fork(embed)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Fiber.join(asking)).embeddings.vectors, [[1, 0]])
      assert.strictEqual(a.asked.length, 2)
    }).pipe(Effect.provide(routing(a)), quiet)
  })

  it.effect("end after the total time", () => {
    const a = embedding("a", Effect.never)
    const total = Duration.seconds(3)
    const layer = layerRouting([a], { models: new Map([["vectors", alias(["a/m"], { timeouts: { total } })]]) })
    return Effect.gen(function* () {
      const asking = yield* fork(Effect.flip(embed))
      yield* TestClock.adjust(total)
      assert.deepInclude(yield* Fiber.join(asking), { reason: "provider_timeout", timer: "total" })
    }).pipe(Effect.provide(layer), quiet)
  })

  it.effect("take a place of the provider, and give it back when they are broken off", () => {
    const a = embedding("a", Effect.never, vector)
    const layer = layerRouting([a], {
      providers: new Map([
        [
          "a",
          {
            kind: "openai",
            baseUrl: "http://127.0.0.1:1",
            apiKey: Redacted.make("key"),
            caBundleFile: undefined,
            concurrency: 1
          }
        ]
      ]),
      models: new Map([["vectors", alias(["a/m"])]])
    })
    return Effect.gen(function* () {
      const first = yield* fork(embed)
      const second = yield* fork(embed)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(a.asked.length, 1)
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual((yield* Fiber.join(second)).embeddings.vectors, [[1, 0]])
    }).pipe(Effect.provide(layer))
  })
})
