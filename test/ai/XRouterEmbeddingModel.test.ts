import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { EmbeddingModel } from "effect/ai"
import { XRouterEmbeddingModel } from "../../src/ai/index.ts"
import { Answers, ScriptedProvider } from "../../src/testing/index.ts"
import { gigachat, layerScripted, openai, yandexgpt } from "./upstreams.ts"

const embedMany = (texts: ReadonlyArray<string>) =>
  Effect.flatMap(EmbeddingModel.EmbeddingModel, (model) => model.embedMany(texts))

const vectors = (script: ScriptedProvider.Script["embed"]) => {
  const provider = ScriptedProvider.make("p", script === undefined ? {} : { embed: script })
  return { provider, router: layerScripted(provider) }
}

const counted = (promptTokens?: number) =>
  vectors(({ input }) => Effect.succeed({ vectors: input.map(({ length }) => [length]), promptTokens }))

describe("vectors of texts", () => {
  it.effect("come from GigaChat, with what they used", () =>
    Effect.gen(function* () {
      const { router, upstream } = yield* gigachat
      const { embeddings, usage } = yield* embedMany(["Рим", "Казань"]).pipe(
        Effect.provide(XRouterEmbeddingModel.layer({ model: "gigachat/Embeddings" }).pipe(Layer.provide(router)))
      )
      assert.deepStrictEqual(
        embeddings.map(({ vector }) => vector),
        [
          [3, 0.5],
          [6, 0.5]
        ]
      )
      assert.strictEqual(usage.inputTokens, 6)
      assert.lengthOf(upstream.embeddings(), 1)
    })
  )

  it.effect("come from YandexGPT", () =>
    Effect.gen(function* () {
      const { router } = yield* yandexgpt
      const { embeddings } = yield* embedMany(["Рим"]).pipe(
        Effect.provide(XRouterEmbeddingModel.layer({ model: "yandexgpt/text-search-doc" }).pipe(Layer.provide(router)))
      )
      assert.strictEqual(embeddings[0]?.vector[0], 3)
    })
  )

  it.effect("of texts that are embedded at once are asked for in one call", () =>
    Effect.gen(function* () {
      const { provider, router } = counted(1)
      const found = yield* Effect.flatMap(EmbeddingModel.EmbeddingModel, (model) =>
        Effect.forEach(["a", "bb", "ccc"], model.embed, { concurrency: "unbounded" })
      ).pipe(Effect.provide(XRouterEmbeddingModel.layer({ model: "p/e" }).pipe(Layer.provide(router))))
      assert.deepStrictEqual(
        found.map(({ vector }) => vector),
        [[1], [2], [3]]
      )
      assert.deepStrictEqual(
        provider.embedded.map(({ input }) => input),
        [["a", "bb", "ccc"]]
      )
    })
  )

  it.effect("of more texts than a request may have are asked for in several, and counted together", () =>
    Effect.gen(function* () {
      const texts = Array.from({ length: 5000 }, (_, index) => "x".repeat((index % 7) + 1))
      const { provider, router } = counted(10)
      const { embeddings, usage } = yield* embedMany(texts).pipe(
        Effect.provide(XRouterEmbeddingModel.layer({ model: "p/e" }).pipe(Layer.provide(router)))
      )
      assert.deepStrictEqual(
        embeddings.map(({ vector }) => vector[0]),
        texts.map(({ length }) => length)
      )
      assert.deepStrictEqual(
        provider.embedded.map(({ input }) => input.length),
        [2048, 2048, 904]
      )
      assert.strictEqual(usage.inputTokens, 30)
    })
  )

  it.effect("are counted by nobody where the provider does not count", () =>
    Effect.gen(function* () {
      const { usage } = yield* embedMany(Array.from({ length: 3000 }, () => "x")).pipe(
        Effect.provide(XRouterEmbeddingModel.layer({ model: "p/e" }).pipe(Layer.provide(counted().router)))
      )
      assert.isUndefined(usage.inputTokens)
    })
  )

  it.effect("have as many numbers as the model says that it gives", () =>
    Effect.gen(function* () {
      const { router } = yield* openai
      const model = XRouterEmbeddingModel.model({ model: "openai/text-embedding-test", dimensions: 5 })
      const [length, told] = yield* Effect.all([
        Effect.map(embedMany(["Rome"]), ({ embeddings }) => embeddings[0]?.vector.length),
        EmbeddingModel.Dimensions
      ]).pipe(Effect.provide(model.pipe(Layer.provide(router))))
      assert.deepStrictEqual([length, told], [5, 5])
    })
  )

  it.effect("are refused where they have others", () =>
    Effect.gen(function* () {
      const { reason } = yield* embedMany(["Rome"]).pipe(
        Effect.provide(
          XRouterEmbeddingModel.layer({ model: "p/e", dimensions: 5 }).pipe(Layer.provide(counted().router))
        ),
        Effect.flip
      )
      assert.strictEqual(reason._tag, "InvalidOutputError")
      assert.include(reason.message, "vectors of 1 numbers, where 5 were asked for")
    })
  )

  it.effect("fail as a chat does", () =>
    Effect.gen(function* () {
      const failing = (router: ReturnType<typeof vectors>["router"], model: string) =>
        embedMany(["Rome"]).pipe(
          Effect.provide(XRouterEmbeddingModel.layer({ model }).pipe(Layer.provide(router))),
          Effect.flip
        )
      const nothing = yield* failing(vectors(undefined).router, "p/e")
      assert.deepInclude(nothing.reason, { _tag: "InvalidRequestError", parameter: "model" })
      const unknown = yield* failing(vectors(undefined).router, "nobody/e")
      assert.deepNestedInclude(unknown.reason, { "metadata.xrouter.reason": "model_not_found" })
      const limited = yield* failing(vectors(() => Effect.fail(Answers.limited(3_600_000))).router, "p/e")
      assert.strictEqual(limited.reason._tag, "RateLimitError")
      assert.strictEqual(limited.module, "XRouterEmbeddingModel")
    })
  )
})
