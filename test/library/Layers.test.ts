import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Layer, Logger, Redacted } from "effect"
import type { HttpClient } from "effect/http"
import type { SqlClient } from "effect/sql/SqlClient"
import { XRouterClient } from "../../src/client.ts"
import { layerOptions, settingsOf } from "../../src/config/LayerOptions.ts"
import { Settings, type SettingsValue } from "../../src/config/Settings.ts"
import {
  ApiKeys,
  type Catalog,
  Chat,
  type ConfigError,
  Database,
  Gateway,
  Ledger,
  Limits,
  LimiterStore,
  Metrics,
  OAuth,
  type ProviderFailure,
  Providers,
  Router,
  Users
} from "../../src/index.ts"
import * as OpenAi from "../../src/providers/openai/index.ts"
import * as Sandbox from "../../src/providers/sandbox/index.ts"
import type { UpstreamOptionsError } from "../../src/providers/UpstreamOptions.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import { testSettings } from "../support/TestSettings.ts"

const hello = { model: "sandbox/echo", messages: [{ role: "user", content: "Hello" }] } as const

/** The two are one type. */
const same = <A, B>(verdict: [A] extends [B] ? ([B] extends [A] ? true : [A, B]) : [A, B]) => verdict
type Asks<L> = L extends Layer.Layer<infer _A, infer _E, infer R> ? R : never
type Fails<L> = L extends Layer.Layer<infer _A, infer E, infer _R> ? E : never

describe("what the layers' types say", () => {
  // Held by the compiler: what is not so makes an argument that is not `true`.
  it("is what each asks for and what it fails with, and no more", () => {
    const one = Sandbox.make()
    const other = OpenAi.make({ apiKey: Redacted.make("key") })
    const own = Effect.as(Effect.fail("no reason"), one)
    const [values, made, asking] = [
      () => Providers.layer([one]),
      () => Providers.layer([one, other]),
      () => Providers.layer([Effect.flatMap(Metrics, () => own)])
    ]
    same<Asks<ReturnType<typeof values>>, never>(true)
    same<Fails<ReturnType<typeof values>>, never>(true)
    // Connections live as long as the layer, so the scope that they ask for is its own.
    same<Asks<ReturnType<typeof made>>, never>(true)
    same<Fails<ReturnType<typeof made>>, UpstreamOptionsError>(true)
    same<Asks<ReturnType<typeof asking>>, Metrics>(true)
    same<Fails<ReturnType<typeof asking>>, string>(true)

    same<Asks<ReturnType<typeof Router.layer>>, Providers | Metrics>(true)
    same<Fails<ReturnType<typeof Router.layer>>, ConfigError>(true)
    same<Asks<ReturnType<typeof Limits.layer>>, LimiterStore>(true)
    same<Fails<ReturnType<typeof Limits.layer>>, never>(true)
    same<Asks<ReturnType<typeof LimiterStore.layer>>, Metrics>(true)
    same<Asks<ReturnType<typeof ApiKeys.layer>>, SqlClient>(true)
    same<Asks<ReturnType<typeof Users.layer>>, SqlClient>(true)
    same<Asks<ReturnType<typeof OAuth.layer>>, SqlClient>(true)
    same<Asks<ReturnType<typeof Database.layer>>, never>(true)
    same<Asks<ReturnType<typeof Ledger.layer>>, SqlClient | Metrics | FileSystem.FileSystem>(true)
    same<Asks<typeof Metrics.layer>, never>(true)
    same<Asks<ReturnType<typeof Gateway.layer>>, Providers>(true)
    same<Asks<ReturnType<typeof Gateway.services>>, Providers>(true)
    same<Asks<typeof Gateway.layerConfig>, Providers | FileSystem.FileSystem>(true)
    same<Asks<ReturnType<typeof XRouterClient.layer>>, HttpClient.HttpClient>(true)

    same<Effect.Error<ReturnType<typeof Chat.complete>>, ProviderFailure>(true)
    same<Effect.Services<ReturnType<typeof Chat.complete>>, Router | Catalog>(true)
    const withoutProviders = () => Effect.provide(Chat.complete(hello), Router.layer())
    same<Effect.Services<ReturnType<typeof withoutProviders>>, Providers | Metrics>(true)
  })
})

/** Settings that tell which of them were read. */
const watched = (value: SettingsValue) => {
  const read = new Set<string>()
  const settings = new Proxy(value, {
    get: (target, name) => {
      read.add(String(name))
      return Reflect.get(target, name)
    }
  })
  return { read, layer: Layer.succeed(Settings, settings) }
}

describe("layer", () => {
  it.effect("of Limits, LimiterStore, Router and Providers goes by its options and by no other setting", () =>
    Effect.gen(function* () {
      const readBy = Effect.fnUntraced(function* <A, E>(
        use: Effect.Effect<unknown, unknown, A>,
        layer: Layer.Layer<A, E, Settings>
      ) {
        const { layer: settings, read } = watched(
          testSettings({ providers: new Map([["sandbox", { kind: "sandbox" }]]) })
        )
        yield* Effect.provide(use, layer.pipe(Layer.provide(settings)))
        return [...read].sort()
      })
      const principal = {
        userId: "user_1",
        credentialId: "key_1",
        kind: "key",
        label: "one",
        tier: "free",
        limitSubject: "key_1",
        limits: {},
        scopes: ["inference"]
      } as const
      const admission = Effect.gen(function* () {
        const limits = yield* Limits
        yield* limits.admit({ principal, requestId: "1", estimate: 1, onWindows: () => undefined })
        yield* limits.admitModel({ model: "sandbox/echo", requestId: "1", estimate: 1 })
      }).pipe(Effect.scoped)
      assert.deepStrictEqual(
        yield* readBy(admission, Limits.layerSettings.pipe(Layer.provide(LimiterStore.layerMemory))),
        ["modelLimits", "tiers"]
      )
      assert.deepStrictEqual(
        yield* readBy(LimiterStore, LimiterStore.layerSettings.pipe(Layer.provide(Metrics.layer))),
        ["expectedInstances", "onRedisFailure", "redisUrls"]
      )
      assert.deepStrictEqual(yield* readBy(Providers, Providers.layerSettings), ["imageUrls", "providers"])
      const routing = Router.layerRouting.pipe(Layer.provide([Providers.layer([Sandbox.make()]), Metrics.layer]))
      assert.deepStrictEqual(yield* readBy(Chat.complete(hello), routing), ["models", "providers", "redisUrls"])
    })
  )

  it.effect("says what docs/configuration.md says where nothing is given", () =>
    Effect.gen(function* () {
      const given = settingsOf({})
      const configured = yield* Effect.provide(Settings, Settings.layer).pipe(
        Effect.provide([
          NodeServices.layer,
          ConfigProvider.layer(ConfigProvider.fromEnv({ env: { XROUTER_SANDBOX: "false" } }))
        ])
      )
      // Whoever has no terminal has JSON; an application is never one.
      assert.deepStrictEqual({ ...given }, { ...configured, logFormat: "json" })
    })
  )

  it.effect("understands a model's candidates, durations and prices as they are written", () =>
    Effect.gen(function* () {
      const price = { input: "1.5", output: "3", currency: "RUB", per: 1000 }
      const { keyCacheTtl, models, providers } = yield* Effect.provide(
        Settings,
        layerOptions({
          keyCacheTtl: "5 seconds",
          calling: { sandbox: { concurrency: 2, timeouts: { connect: "1 second" } } },
          models: { best: { candidates: ["sandbox/echo", { model: "sandbox/story", weight: 3, price }], price } }
        })
      )
      assert.strictEqual(JSON.stringify(keyCacheTtl), JSON.stringify(settingsOf({ keyCacheTtl: 5000 }).keyCacheTtl))
      assert.deepInclude(providers.get("sandbox"), { kind: "own", concurrency: 2 })
      const best = models.get("best")
      assert.strictEqual(best?.strategy, "weighted")
      assert.deepStrictEqual(
        best?.candidates.map(({ model, weight }) => [model, weight]),
        [
          ["sandbox/echo", 1],
          ["sandbox/story", 3]
        ]
      )
      assert.deepInclude(best?.price, { input: "1.5", cachedInput: undefined })
    })
  )
})

describe("Users, ApiKeys, Ledger and OAuth", () => {
  it.live("are built over a database without a gateway", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* fs.makeTempDirectoryScoped()
      const databaseUrl = Redacted.make(yield* freshDatabase)
      const jwtSecrets = [{ kid: "1", secret: Redacted.make(Buffer.alloc(32, "x").toString("base64")) }]
      const all = Layer.mergeAll(
        Users.layer(),
        ApiKeys.layer({ tiers: { gold: {} } }),
        Ledger.layer({ dataDir }),
        OAuth.layer({ publicUrl: "https://example.org", jwtSecrets })
      ).pipe(Layer.provideMerge([Database.layer({ databaseUrl }), Metrics.layer]))
      yield* Effect.gen(function* () {
        const user = yield* (yield* Users).create({ email: "a@example.org" })
        const keys = yield* ApiKeys
        const made = yield* keys.create({ userId: user.id, name: "one", tier: "gold" })
        assert.match(Redacted.value(made.key), /^xr-gold-/)
        const unknown = yield* Effect.flip(keys.create({ userId: user.id, name: "two", tier: "silver" }))
        assert.strictEqual(unknown.reason, "invalid_body")

        const ledger = yield* Ledger
        const requestId = "req_0123456789abcdef0123456789abcdef"
        const call = { requestId, id: "chatcmpl-1", userId: user.id, keyId: made.id, model: "a/b", provider: "a" }
        const entry = ledger.begin({ ...call, providerModel: "b", streamed: false })
        yield* entry.recorded
        assert.strictEqual((yield* ledger.find(user.id, "chatcmpl-1")).status, "pending")
      }).pipe(Effect.provide(all))
    }).pipe(Effect.scoped, Effect.provide([NodeServices.layer, Logger.layer([])]))
  )
})

describe("layerConfig", () => {
  it.effect("reads what the gateway reads, from the application's ConfigProvider", () =>
    Effect.gen(function* () {
      const env = { XROUTER_SANDBOX: "true", OPENAI_API_KEY: "key" }
      const names = yield* Effect.map(Providers, (providers) => [...providers.keys()]).pipe(
        Effect.provide(Providers.layerConfig),
        Effect.provide([NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))])
      )
      assert.deepStrictEqual(names, ["openai", "sandbox"])
    })
  )

  it.effect("tells of every fault at once", () =>
    Effect.gen(function* () {
      const env = { XROUTER_PORT: "none", OPENAI_BASE_URL: "nowhere" }
      const error = yield* Effect.flip(
        Effect.provide(Providers, Providers.layerConfig).pipe(
          Effect.provide([NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromEnv({ env }))])
        )
      )
      assert.strictEqual(error._tag, "ConfigError")
      assert.include(error.message, "XROUTER_PORT")
      assert.include(error.message, "OPENAI_BASE_URL")
    })
  )
})
