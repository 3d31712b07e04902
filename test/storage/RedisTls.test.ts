import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Logger, Redacted } from "effect"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { layerUrls } from "../../src/storage/Redis.ts"
import { makeAuthority } from "../support/Certificates.ts"
import { runChild } from "../support/Child.ts"
import { freePort, startRedis } from "../support/Redis.ts"

const authority = makeAuthority("Authority of a test")

const file = Effect.fn(function* (name: string, content: string) {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "xrouter-tls-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  const path = join(folder, name)
  yield* Effect.promise(() => writeFile(path, content))
  return path
})

/** A Redis that speaks TLS, with a certificate for 127.0.0.1 or for `host`. */
const startSecure = Effect.fn(function* (host?: string) {
  const { cert, key } = authority.issue("redis", host)
  const port = yield* freePort
  yield* startRedis({
    file: [
      `tls-port ${port}`,
      "tls-auth-clients no",
      `tls-cert-file ${yield* file("cert.pem", cert)}`,
      `tls-key-file ${yield* file("key.pem", key)}`,
      `tls-ca-cert-file ${yield* file("ca.pem", authority.cert)}`,
      "requirepass s3cret",
      ""
    ].join("\n")
  })
  return `rediss://:s3cret@127.0.0.1:${port}`
})

/** What a process says of its Redis that was started with `environment`. */
const asked = (url: string, environment: Readonly<Record<string, string>>) =>
  runChild(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: import.meta.dirname,
    environment: { ...environment, URL_OF_REDIS: url }
  })

const script = `
  import { Effect, Redacted } from "effect"
  import * as Redis from "effect/persistence/Redis"
  const { layerUrls } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/storage/Redis.ts"))})
  const layer = layerUrls([Redacted.make(process.env.URL_OF_REDIS)], { patienceMillis: 10_000 })
  const ask = Effect.flatMap(Redis.Redis, (redis) => redis.send("client", "info"))
  console.log(await Effect.runPromise(ask.pipe(Effect.provide(layer))))
`

const refusal = (url: string) =>
  Effect.flip(Layer.build(layerUrls([Redacted.make(url)]).pipe(Layer.provide(Logger.layer([])))))

describe("Redis by TLS", () => {
  it.live("is reached at rediss:// where its authority is among those of NODE_EXTRA_CA_CERTS", () =>
    Effect.gen(function* () {
      const url = yield* startSecure()
      const { code, err, out } = yield* asked(url, { NODE_EXTRA_CA_CERTS: yield* file("ca.pem", authority.cert) })
      assert.strictEqual(code, 0, err)
      assert.include(out, "name=xrouter")
    })
  )

  it.live("does not start with an authority that nobody knows, and says what to set", () =>
    Effect.gen(function* () {
      const url = yield* startSecure()
      const { message } = yield* refusal(url)
      assert.include(message, "REDIS_URL: Redis shows a certificate of an authority that is not known here")
      assert.include(message, "NODE_EXTRA_CA_CERTS")
      assert.notInclude(message, "s3cret")
    })
  )

  it.live("does not start with a certificate of another host", () =>
    Effect.gen(function* () {
      const url = yield* startSecure("redis.example.org")
      const { code, err } = yield* asked(url, { NODE_EXTRA_CA_CERTS: yield* file("ca.pem", authority.cert) })
      assert.notStrictEqual(code, 0)
      assert.include(err, "REDIS_URL: Redis shows a certificate of another host")
    })
  )
})
