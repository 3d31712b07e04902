import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Result } from "effect"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { Catalog } from "../../src/router/Catalog.ts"
import { alias, layerRouting, scripted } from "../support/ScriptedProvider.ts"

const folderId = "b1gtest"

const withYandex: Partial<SettingsValue> = {
  providers: new Map([
    [
      "yandexgpt",
      {
        kind: "yandexgpt",
        auth: { _tag: "ApiKey", apiKey: Redacted.make("key") },
        folderId,
        baseUrl: "http://127.0.0.1:1",
        iamUrl: "http://127.0.0.1:1",
        dataLogging: false,
        caBundleFile: undefined,
        concurrency: undefined
      }
    ]
  ])
}

const everybody = ["gigachat", "yandexgpt", "openai", "sandbox"].map((name) => scripted(name))

const subject = layerRouting(everybody, {
  ...withYandex,
  models: new Map([
    ["smart", alias(["gigachat/GigaChat-2-Max", "yandexgpt/yandexgpt"])],
    ["gigachat-lite", alias(["openai/small"])],
    ["team/best", alias(["openai/large"])]
  ])
})

/** `provider/model` of each candidate; undefined where there is no such model. */
const servedBy = Effect.fnUntraced(function* (name: string) {
  const { resolve } = yield* Catalog
  const resolution = resolve(name)
  if (Result.isFailure(resolution)) {
    assert.strictEqual(resolution.failure.reason, "model_not_found")
    return undefined
  }
  assert.strictEqual(resolution.success.name, name)
  return resolution.success.candidates.map(({ provider, model }) => `${provider.name}/${model}`).join(", ")
})

const cases = (title: string, table: ReadonlyArray<readonly [name: string, served: string | undefined]>) => {
  it.effect(title, () =>
    Effect.gen(function* () {
      for (const [name, served] of table) assert.strictEqual(yield* servedBy(name), served, name)
    }).pipe(Effect.provide(subject))
  )
}

describe("a model's name", () => {
  cases("is `provider/model`, split at the first slash", [
    ["gigachat/GigaChat-2-Max", "gigachat/GigaChat-2-Max"],
    ["yandexgpt/yandexgpt-5.1", "yandexgpt/yandexgpt-5.1"],
    ["openai/gpt-5", "openai/gpt-5"],
    ["openai/meta-llama/llama-3", "openai/meta-llama/llama-3"],
    ["sandbox/echo", "sandbox/echo"],
    // As the provider's own: no rule of bare names touches what stands behind the slash.
    ["gigachat/gigachat-pro", "gigachat/gigachat-pro"],
    ["openai/gigachat-pro", "openai/gigachat-pro"]
  ])

  cases("is an alias of the file before anything else", [
    ["smart", "gigachat/GigaChat-2-Max, yandexgpt/yandexgpt"],
    ["gigachat-lite", "openai/small"],
    ["team/best", "openai/large"]
  ])

  cases("that begins with `gigachat`, in any case, is GigaChat's: the known short ones, and others as written", [
    ["gigachat", "gigachat/GigaChat-2"],
    ["GigaChat", "gigachat/GigaChat-2"],
    ["gigachat-pro", "gigachat/GigaChat-2-Pro"],
    ["GigaChat-Pro", "gigachat/GigaChat-2-Pro"],
    ["GIGACHAT-MAX", "gigachat/GigaChat-2-Max"],
    ["GigaChat-3-Ultra", "gigachat/GigaChat-3-Ultra"],
    ["GigaChat-2-Max:latest", "gigachat/GigaChat-2-Max:latest"]
  ])

  cases("that begins with `yandexgpt` is Yandex', with or without a version", [
    ["yandexgpt", "yandexgpt/yandexgpt"],
    ["yandexgpt-lite", "yandexgpt/yandexgpt-lite"],
    ["yandexgpt-32k", "yandexgpt/yandexgpt-32k"],
    ["yandexgpt:latest", "yandexgpt/yandexgpt:latest"],
    ["yandexgpt-lite:rc", "yandexgpt/yandexgpt-lite:rc"],
    ["yandexgpt:deprecated", "yandexgpt/yandexgpt:deprecated"]
  ])

  cases("that is a URI of the configured folder is Yandex', of another folder nobody's", [
    [`gpt://${folderId}/yandexgpt/rc`, `yandexgpt/gpt://${folderId}/yandexgpt/rc`],
    ["gpt://b1gother/yandexgpt", undefined],
    [`gpt://${folderId}`, undefined],
    [`gpt://${folderId}/`, undefined],
    ["gpt://", undefined]
  ])

  cases("that is none of these is nobody's", [
    ["gpt-5", undefined],
    ["echo", undefined],
    ["nobody/gpt-5", undefined],
    ["openai", undefined],
    ["openai/", undefined],
    ["/openai", undefined],
    ["", undefined],
    [" gigachat", undefined],
    ["my-gigachat", undefined],
    // With a slash it names a provider, and there is none of that name.
    ["GigaChat/GigaChat-2", undefined],
    ["gigachat/", undefined],
    ["gigachats/GigaChat-2", undefined],
    ["Smart", undefined]
  ])

  it.effect("is nobody's where the provider that its rule leads to is not configured", () =>
    Effect.gen(function* () {
      for (const name of ["gigachat", "gigachat/GigaChat-2", "yandexgpt", `gpt://${folderId}/yandexgpt`]) {
        assert.isUndefined(yield* servedBy(name), name)
      }
    }).pipe(Effect.provide(layerRouting([scripted("sandbox")])))
  )

  it.effect("is told to be unknown in OpenAI's words, and cut where it is endless", () =>
    Effect.gen(function* () {
      const { resolve } = yield* Catalog
      const messageOf = (name: string) =>
        Result.match(resolve(name), { onSuccess: () => "found", onFailure: ({ message }) => message })
      assert.strictEqual(messageOf("gpt-none"), "The model `gpt-none` does not exist or you do not have access to it.")
      const long = messageOf("x".repeat(100_000))
      assert.isBelow(long.length, 200)
      assert.include(long, "xxx…")
    }).pipe(Effect.provide(subject))
  )
})

describe("an alias", () => {
  it.effect("brings its weights, fallbacks, strategy and timers along", () =>
    Effect.gen(function* () {
      const { resolve } = yield* Catalog
      const resolution = Result.getOrThrow(resolve("smart"))
      assert.deepStrictEqual(
        resolution.candidates.map(({ model, weight }) => [model, weight]),
        [
          ["GigaChat-2-Max", 3],
          ["yandexgpt", 1]
        ]
      )
      assert.deepStrictEqual(
        resolution.fallbacks.map(({ provider, model }) => [provider.name, model]),
        [["openai", "a/b"]]
      )
      assert.strictEqual(resolution.strategy, "weighted")
      assert.deepStrictEqual(
        resolution.candidates.map(({ patience }) => patience.total),
        [30_000, 30_000]
      )
      assert.strictEqual(resolution.attempts, 2)
    }).pipe(
      Effect.provide(
        layerRouting(everybody, {
          models: new Map([
            [
              "smart",
              alias([], {
                candidates: [
                  { model: "gigachat/GigaChat-2-Max", weight: 3 },
                  { model: "yandexgpt/yandexgpt", weight: 1 }
                ],
                fallbacks: ["openai/a/b"],
                strategy: "weighted",
                timeouts: { total: Duration.seconds(30) }
              })
            ]
          ])
        })
      )
    )
  )

  it.effect("says of which candidates the tools are told in words, each over the whole, fallbacks with it", () =>
    Effect.gen(function* () {
      const { resolve } = yield* Catalog
      const { candidates, fallbacks } = Result.getOrThrow(resolve("small"))
      assert.deepStrictEqual(
        [...candidates, ...fallbacks].map(({ tools }) => tools),
        ["prompt", undefined, "prompt"]
      )
      const own = Result.getOrThrow(resolve("openai/small"))
      assert.notProperty(own.candidates[0], "tools")
    }).pipe(
      Effect.provide(
        layerRouting(everybody, {
          models: new Map([
            [
              "small",
              alias([], {
                tools: "prompt",
                candidates: [
                  { model: "openai/small", weight: 1 },
                  { model: "openai/large", weight: 1, tools: "native" }
                ],
                fallbacks: ["openai/a/b"]
              })
            ]
          ])
        })
      )
    )
  )
})
