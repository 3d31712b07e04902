import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, layer } from "@effect/vitest"
import { Effect, FileSystem, Layer, Redacted } from "effect"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { Secrets } from "../../src/storage/Secrets.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

const secretsOf = (settings: Partial<SettingsValue>) =>
  Effect.provide(Secrets, Secrets.layer.pipe(Layer.provide(layerTestSettings(settings)), Layer.fresh))

const plain = ({ adminKey, jwtSecrets }: Secrets["Service"]) => ({
  adminKey: adminKey === undefined ? undefined : Redacted.value(adminKey),
  jwtSecrets: jwtSecrets.map(({ kid, secret }) => `${kid}:${Redacted.value(secret)}`)
})

layer(NodeFileSystem.layer)("Secrets", (it) => {
  it.effect("in embedded mode are drawn once and stay", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = `${yield* temporary}/data`
      const first = plain(yield* secretsOf({ dataDir }))
      assert.isAtLeast(first.adminKey?.length ?? 0, 32)
      assert.strictEqual(first.jwtSecrets.length, 1)
      const [kid = "", secret = ""] = first.jwtSecrets[0]?.split(":") ?? []
      assert.match(kid, /^\w+$/)
      assert.isAtLeast(Buffer.from(secret, "base64").length, 32)
      assert.deepStrictEqual(plain(yield* secretsOf({ dataDir })), first)
      assert.strictEqual(yield* fs.readFileString(`${dataDir}/admin.key`), `${first.adminKey}\n`)
      for (const name of ["admin.key", "jwt.secrets"]) {
        assert.strictEqual((yield* fs.stat(`${dataDir}/${name}`)).mode & 0o777, 0o600)
      }
    })
  )

  it.effect("are the same for two that start at once", () =>
    Effect.gen(function* () {
      const dataDir = yield* temporary
      const [one, other] = yield* Effect.all([secretsOf({ dataDir }), secretsOf({ dataDir })], { concurrency: 2 })
      assert.deepStrictEqual(plain(one), plain(other))
    })
  )

  it.effect("are those of the settings where they are set, and no file is written", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* temporary
      const set = { adminKey: Redacted.make("a".repeat(32)), jwtSecrets: [{ kid: "k", secret: Redacted.make("s") }] }
      assert.deepStrictEqual(plain(yield* secretsOf({ dataDir, ...set })), {
        adminKey: "a".repeat(32),
        jwtSecrets: ["k:s"]
      })
      assert.deepStrictEqual(yield* fs.readDirectory(dataDir), [])
    })
  )

  it.effect("are never drawn with a database server, whose other instances would not know them", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* temporary
      const secrets = yield* secretsOf({ dataDir, databaseUrl: Redacted.make("postgres://u@h/d") })
      assert.deepStrictEqual(plain(secrets), { adminKey: undefined, jwtSecrets: [] })
      assert.deepStrictEqual(yield* fs.readDirectory(dataDir), [])
    })
  )

  for (const [name, content] of [
    ["admin.key", "tooshort"],
    ["jwt.secrets", "kid:c2hvcnQ="]
  ] as const) {
    it.effect(`a damaged ${name} is refused with its path and without its content`, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const dataDir = yield* temporary
        yield* fs.writeFileString(`${dataDir}/${name}`, content)
        const error = yield* Effect.flip(secretsOf({ dataDir }))
        assert.include(error.message, `${dataDir}/${name}`)
        assert.include(error.message, "at least 32")
        assert.notInclude(JSON.stringify(error), content)
      })
    )
  }
})
