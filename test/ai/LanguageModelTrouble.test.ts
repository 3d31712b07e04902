import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Layer, Stream } from "effect"
import { LanguageModel } from "effect/ai"
import { XRouterLanguageModel } from "../../src/ai/index.ts"
import { eventually } from "../support/Eventually.ts"
import { frame, hang, json, sseHead, steps } from "../support/ScriptedUpstream.ts"
import { gigachat } from "./upstreams.ts"

const max = "gigachat/GigaChat-2-Max"

describe("a failure", () => {
  const failing = (model: string, router: Effect.Success<typeof gigachat>["router"]) =>
    LanguageModel.generateText({ prompt: "Hello" }).pipe(
      Effect.provide(XRouterLanguageModel.layer({ model }).pipe(Layer.provide(router))),
      Effect.flip
    )

  it.effect("of a name that no provider has is the request's", () =>
    Effect.gen(function* () {
      const { router } = yield* gigachat
      const { module, reason } = yield* failing("nobody/knows", router)
      assert.strictEqual(module, "XRouterLanguageModel")
      assert.strictEqual(reason._tag, "InvalidRequestError")
      assert.deepInclude(reason, { metadata: { xrouter: { code: "validation_error", reason: "model_not_found" } } })
    })
  )

  it.effect("of the provider's limit tells when to come back", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      upstream.next(json(429, { status: 429, message: "Too Many Requests" }, { "retry-after": "3600" }))
      const error = yield* failing(max, router)
      assert.strictEqual(error.reason._tag, "RateLimitError")
      assert.deepNestedInclude(error.reason, {
        "metadata.xrouter.reason": "provider_rate_limit",
        "metadata.xrouter.provider": "gigachat",
        "metadata.xrouter.attempts[0].reason": "provider_rate_limit"
      })
      assert.deepStrictEqual(error.retryAfter, Duration.hours(1))
    })
  )

  it.effect("in the middle of a stream ends it, after what was said", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      upstream.answer({ cut: "close" })
      const said: Array<string> = []
      const error = yield* LanguageModel.streamText({ prompt: "Hello" }).pipe(
        Stream.runForEach((part) => Effect.sync(() => part.type === "text-delta" && said.push(part.delta))),
        Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router))),
        Effect.flip
      )
      assert.deepStrictEqual(said, ["Раз, два", ", три."])
      assert.strictEqual(error.reason._tag, "InternalProviderError")
      assert.strictEqual(error.method, "streamText")
    })
  )

  it.effect("of our credentials is told as such", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      upstream.next(json(403, { status: 403, message: "Forbidden" }))
      const error = yield* failing(max, router)
      assert.strictEqual(error.reason._tag, "AuthenticationError")
      assert.isFalse(error.isRetryable)
    })
  )
})

describe("whoever does not wait any longer", () => {
  it.effect("closes the upstream's connection by interrupting a call", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      upstream.next(hang)
      const fiber = yield* Effect.forkChild(
        LanguageModel.generateText({ prompt: "Hello" }).pipe(
          Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router)))
        )
      )
      const chat = yield* arrival(upstream)
      yield* Fiber.interrupt(fiber)
      yield* chat.abandoned
    })
  )

  it.effect("closes it by leaving a stream, while the router lives on", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      const delta = { choices: [{ delta: { content: "Раз", role: "assistant" }, index: 0 }], object: "chat.completion" }
      upstream.next(steps(sseHead, frame(delta), hang))
      yield* Effect.gen(function* () {
        const parts = yield* LanguageModel.streamText({ prompt: "Hello" }).pipe(
          Stream.takeUntil((part) => part.type === "text-delta"),
          Stream.runCollect
        )
        assert.strictEqual(parts.at(-1)?.type, "text-delta")
        const [chat] = upstream.chats()
        yield* chat?.abandoned ?? Effect.die("nothing was asked")
        assert.strictEqual((yield* LanguageModel.generateText({ prompt: "Again" })).text, "Раз, два, три.")
      }).pipe(Effect.provide(XRouterLanguageModel.layer({ model: max }).pipe(Layer.provide(router))))
    })
  )
})

const arrival = (upstream: Effect.Success<typeof gigachat>["upstream"]) =>
  Effect.map(eventually(Effect.sync(() => upstream.chats().length > 0)), () => {
    const [chat] = upstream.chats()
    return chat ?? assert.fail("nothing was asked")
  })
