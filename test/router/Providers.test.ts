import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Providers } from "../../src/router/Providers.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { layerTestSettings } from "../support/TestSettings.ts"
import { gigaChatSettings, openAiSettings, providers, yandexSettings } from "../support/Upstreams.ts"
import * as YandexUpstream from "../support/YandexUpstream.ts"

const over = (byName: Parameters<typeof providers>[0]) =>
  Providers.layerSettings.pipe(Layer.provide(layerTestSettings({ providers: providers(byName) })))

describe("the providers", () => {
  it.live("are made of the settings, each under its name, and call nobody by that", () =>
    Effect.gen(function* () {
      const gigachat = yield* GigaChatUpstream.make()
      const yandex = yield* YandexUpstream.make()
      const openai = yield* OpenAiUpstream.make()
      yield* Effect.gen(function* () {
        const made = yield* Providers
        assert.deepStrictEqual(
          [...made].map(([name, provider]) => [name, provider.name]),
          ["gigachat", "yandexgpt", "openai", "cloudru", "sandbox"].map((name) => [name, name])
        )
        assert.deepStrictEqual([gigachat.requests, yandex.tokenRequests, openai.requests], [[], [], []])
        assert.strictEqual(openai.connections(), 0)
        // Each leads to its own upstream.
        const idsOf = (name: string) =>
          Effect.map(made.get(name)?.models ?? Effect.succeed([]), (models) => models.map(({ id }) => id))
        assert.include(yield* idsOf("gigachat"), "GigaChat-2-Max")
        assert.include(yield* idsOf("yandexgpt"), "yandexgpt-lite")
        assert.deepStrictEqual(yield* idsOf("cloudru"), [...OpenAiUpstream.models])
        assert.deepStrictEqual(yield* idsOf("sandbox"), ["echo", "story", "tools", "embed"])
        assert.strictEqual(openai.requests.length, 1)
        assert.deepStrictEqual(
          ["gigachat", "cloudru", "sandbox"].map((name) => made.get(name)?.isCounted?.()),
          [true, false, false]
        )
      }).pipe(
        Effect.provide(
          over({
            gigachat: { ...gigaChatSettings(gigachat), concurrency: 1 },
            yandexgpt: yandexSettings(yandex),
            openai: openAiSettings(openai.baseUrl),
            cloudru: openAiSettings(openai.baseUrl),
            sandbox: { kind: "sandbox" }
          })
        )
      )
    }).pipe(Effect.scoped)
  )

  it.effect("refuse to start where one of them cannot be set up, and say which", () =>
    Effect.gen(function* () {
      const settings = { ...openAiSettings("https://127.0.0.1:1/v1"), caBundleFile: "/nowhere/ca.pem" }
      const error = yield* Effect.flip(Layer.build(over({ sandbox: { kind: "sandbox" }, inner: settings })))
      assert.strictEqual(error.provider, "inner")
      assert.include(error.message, "/nowhere/ca.pem")
    }).pipe(Effect.scoped)
  )
})
