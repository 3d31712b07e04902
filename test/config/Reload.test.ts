import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem } from "effect"
import { Reload } from "../../src/config/Reload.ts"
import { Settings } from "../../src/config/Settings.ts"
import { filesOf } from "./reading.ts"

const file = (model: string, rpm: number) => `
providers: { cloud: { kind: openai, baseUrl: http://127.0.0.1:1, apiKey: \${KEY}, concurrency: 3 } }
models: { smart: { candidates: [{ model: ${model} }] } }
tiers: { gold: { rpm: ${rpm} } }
limits: { cloud/m: { tpm: 1000 } }
`

/** A gateway's settings over a file that may be written anew. */
const over = <A, E>(first: string, use: (write: (text: string) => void) => Effect.Effect<A, E, Settings | Reload>) => {
  const files: Record<string, string> = { "xrouter.yaml": first }
  return use((text) => void (files["xrouter.yaml"] = text)).pipe(
    Effect.provide(Reload.layer),
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromEnvRecord({ KEY: "sk-0123456789abcdef0123", XROUTER_PORT: "9000" })
    ),
    Effect.provideService(FileSystem.FileSystem, filesOf(files))
  )
}

/** Reads it and holds to it. True where that changes anything. */
const reload = Effect.gen(function* () {
  const { read } = yield* Reload
  const change = yield* read
  change?.apply()
  return change !== undefined
})

const candidates = Effect.map(Settings, ({ models }) => models.get("smart")?.candidates.map(({ model }) => model))

describe("a configuration that is read again", () => {
  it.effect("puts providers, models, tiers and limits in the place of the old ones, all at once", () =>
    over(file("cloud/m", 5), (write) =>
      Effect.gen(function* () {
        const settings = yield* Settings
        const { file: name, read } = yield* Reload
        assert.strictEqual(name, "xrouter.yaml")
        assert.deepStrictEqual(yield* candidates, ["cloud/m"])
        write(file("cloud/n", 7))
        const change = yield* read
        assert.deepStrictEqual(yield* candidates, ["cloud/m"])
        change?.apply()
        assert.deepStrictEqual(yield* candidates, ["cloud/n"])
        assert.deepStrictEqual(settings.tiers.get("gold"), { rpm: 7 })
        assert.deepStrictEqual(settings.modelLimits.get("cloud/m"), { tpm: 1000 })
        assert.strictEqual(settings.port, 9000)
      })
    )
  )

  it.effect("leaves the very same values where nothing has changed", () =>
    over(file("cloud/m", 5), () =>
      Effect.gen(function* () {
        const settings = yield* Settings
        const { models } = settings
        assert.isFalse(yield* reload)
        assert.strictEqual(settings.models, models)
      })
    )
  )

  it.effect("is refused as a whole with all its faults, and what was read before stays", () =>
    over(file("cloud/m", 5), (write) =>
      Effect.gen(function* () {
        const settings = yield* Settings
        write(file("nobody/n", 7).replace("rpm: 7", "rpm: -7"))
        const { faults } = yield* Effect.flip(reload)
        assert.deepStrictEqual(
          faults.map(({ at }) => at),
          ["xrouter.yaml:3 models.smart.candidates[0].model", "xrouter.yaml:4 tiers.gold.rpm"]
        )
        assert.deepStrictEqual(yield* candidates, ["cloud/m"])
        assert.deepStrictEqual(settings.tiers.get("gold"), { rpm: 5 })
        // Corrected, it counts.
        write(file("cloud/n", 7))
        assert.isTrue(yield* reload)
        assert.deepStrictEqual(yield* candidates, ["cloud/n"])
      })
    )
  )

  it.effect("has providers of its own, which are the settings' once it is held to", () =>
    over(file("cloud/m", 5), (write) =>
      Effect.gen(function* () {
        const settings = yield* Settings
        const before = settings.providers
        write(file("other/m", 5).replaceAll("cloud", "other").replace("concurrency: 3", "concurrency: 4"))
        const { read } = yield* Reload
        const change = yield* read
        assert.deepStrictEqual([...(change?.providers.keys() ?? [])], ["other"])
        assert.strictEqual(settings.providers, before)
        change?.apply()
        assert.strictEqual(settings.providers, change?.providers)
        assert.deepInclude(settings.providers.get("other"), { concurrency: 4 })
      })
    )
  )
})
