import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Redacted } from "effect"
import { findGateway } from "../../src/cli/GatewayAddress.ts"

const dataFolder = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const path = yield* files.makeTempDirectoryScoped()
  yield* files.writeFileString(`${path}/gateway.url`, "http://127.0.0.1:4321\n")
  yield* files.writeFileString(`${path}/admin.key`, "key-of-the-folder\n")
  return path
})

const found = (environment: Record<string, string>) =>
  findGateway().pipe(
    Effect.map(({ adminKey, url }) => [url, Redacted.value(adminKey)]),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnvRecord(environment))
  )

describe("the running gateway", () => {
  it.effect("is found in the data folder of embedded mode", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* found({ XROUTER_DATA_DIR: yield* dataFolder }), [
        "http://127.0.0.1:4321",
        "key-of-the-folder"
      ])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("is where XROUTER_URL says, with the key of XROUTER_ADMIN_KEY, whatever the folder holds", () =>
    Effect.gen(function* () {
      const environment = {
        XROUTER_DATA_DIR: yield* dataFolder,
        XROUTER_URL: "https://ai.example.com/",
        XROUTER_ADMIN_KEY: "mine"
      }
      assert.deepStrictEqual(yield* found(environment), ["https://ai.example.com", "mine"])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect(
    "is at its public URL, or its host and port, where there is a database server; the folder is not looked at",
    () =>
      Effect.gen(function* () {
        const environment = {
          XROUTER_DATA_DIR: yield* dataFolder,
          DATABASE_URL: "postgres://db/x",
          XROUTER_ADMIN_KEY: "mine",
          XROUTER_PORT: "9000"
        }
        assert.deepStrictEqual(yield* found(environment), ["http://127.0.0.1:9000", "mine"])
        assert.deepStrictEqual(yield* found({ ...environment, XROUTER_PUBLIC_URL: "https://ai.example.com" }), [
          "https://ai.example.com",
          "mine"
        ])
        const { XROUTER_ADMIN_KEY: _, ...keyless } = environment
        const { message } = yield* Effect.flip(found(keyless))
        assert.strictEqual(message, "There is no admin key: set XROUTER_ADMIN_KEY to the gateway's own")
      }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect("cannot be administered without a key, and both ways to one are told", () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(found({ XROUTER_DATA_DIR: "/nowhere" }))
      assert.match(message, /set XROUTER_ADMIN_KEY to the gateway's own, or XROUTER_DATA_DIR to its data folder/)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
