import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem } from "effect"
import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { unreadVariables } from "../../src/config/Environment.ts"
import { withoutEffect } from "../../src/config/WithoutEffect.ts"
import { readFile } from "./reading.ts"

const secret = `k1:${randomBytes(32).toString("base64")}`

const noticed = (environment: Record<string, string>, yaml = "") =>
  readFile(yaml, environment).pipe(
    Effect.flatMap(withoutEffect),
    Effect.map((found) => found.map(({ at, message }) => `${at} ${message}`)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(environment)),
    Effect.provide(FileSystem.layerNoop({}))
  )

const everything = {
  environment: {
    XROUTER_SIGNUP: "open",
    XROUTER_CLIENT_REGISTRATION: "open",
    XROUTER_JWT_SECRETS: secret,
    OTEL_SERVICE_NAME: "ai",
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://collector:4318/v1/traces",
    OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: "delta",
    OTEL_BSP_EXPORT_TIMEOUT: "30000",
    OTEL_PROPAGATORS: "tracecontext"
  },
  yaml: `
providers:
  mine: { kind: openai, baseUrl: "http://127.0.0.1:1", concurrency: 3 }
models:
  smart:
    candidates: [{ model: mine/a }]
    strategy: cheapest
    price: { input: "1", output: "2", currency: RUB, per: 1000 }
`
}

describe("settings that this version does nothing with", () => {
  it.effect("are told one by one", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* noticed(everything.environment, everything.yaml), [
        "OTEL_BSP_EXPORT_TIMEOUT is set, but this version does nothing with it",
        "OTEL_EXPORTER_OTLP_COMPRESSION is set, but this version does nothing with it",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE is set, but this version does nothing with it"
      ])
    })
  )

  it.effect("are no matter where they ask for what is done anyway, or are demanded by us", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* noticed({}), [])
      const usual = { XROUTER_SIGNUP: "open", XROUTER_CLIENT_REGISTRATION: "closed", OTEL_SERVICE_NAME: "ai" }
      assert.deepStrictEqual(yield* noticed(usual), [])
      assert.deepStrictEqual(yield* noticed({ DATABASE_URL: "postgres://u@db/x", XROUTER_JWT_SECRETS: secret }), [])
    })
  )

  it.effect("are those that the documentation lists", () =>
    Effect.gen(function* () {
      const [, section = ""] =
        /## Not in effect yet\n(.*?)\n## /s.exec(
          readFileSync(new URL("../../docs/configuration.md", import.meta.url), "utf8")
        ) ?? []
      const listed = Array.from(section.matchAll(/^\* ((?:`[^`]+`(?:, | and )?)+)/gm), ([, names = ""]) =>
        Array.from(names.matchAll(/`([^`]+)`/g), ([, name]) => name)
      ).flat()
      const found = (yield* noticed(everything.environment, everything.yaml)).map((notice) =>
        notice.replace(/ .*/, "").replace(".smart.", ".*.").replace(".mine.", ".*.")
      )
      assert.deepStrictEqual([...listed].sort(), [...new Set(found)].sort())
    })
  )
})

describe("a variable that begins like ours and that nothing reads", () => {
  it.effect("is told, unless Kubernetes has set it", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* unreadVariables, [{ at: "XROUTER_PROT", message: "is no variable of XRouter" }])
    }).pipe(
      Effect.provideService(
        ConfigProvider.ConfigProvider,
        ConfigProvider.fromEnvRecord({ XROUTER_PROT: "1", XROUTER_PORT: "1", XROUTER_SERVICE_HOST: "10.0.0.1" })
      )
    )
  )
})
