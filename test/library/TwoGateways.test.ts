import { assert, describe, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Redacted } from "effect"
import { HttpServer } from "effect/http"
import { Layer } from "effect"
import { ApiKeys, Gateway, type GatewayOptions, Metrics, Providers, Users } from "../../src/index.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import { says, scripted } from "../support/ScriptedProvider.ts"
import { gatewayAt } from "../support/Gateway.ts"
import { layerCheapPasswords } from "../support/TestAuth.ts"

const temporaryFolder = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()).pipe(
  Effect.provide(NodeServices.layer)
)

/** A gateway made of the library's layers, over one provider that says its name. */
const start = Effect.fnUntraced(function* (name: string, options: GatewayOptions) {
  const context = yield* Layer.build(
    Gateway.layer({
      port: 0,
      databaseUrl: Redacted.make(yield* freshDatabase),
      dataDir: yield* temporaryFolder,
      jwtSecrets: [{ kid: "one", secret: Redacted.make(Buffer.alloc(32, name).toString("base64")) }],
      adminKey: Redacted.make(`${name}-admin-key-0123456789abcdef`),
      logLevel: "error",
      ...options
    }).pipe(Layer.provide([Providers.layer([scripted(name, { answer: says(`I am ${name}`) })]), layerCheapPasswords]))
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  if (address._tag === "UnixPathAddress") return yield* Effect.die("The gateway does not listen on a port")
  const user = yield* Context.get(context, Users).create({ email: `${name}@example.org` })
  const { key } = yield* Context.get(context, ApiKeys).create({ userId: user.id, name })
  return {
    ...gatewayAt(`http://127.0.0.1:${address.port}`, `${name}-admin-key-0123456789abcdef`),
    key: Redacted.value(key),
    metrics: Context.get(context, Metrics)
  }
})

const hello = (model: string) => ({ model, messages: [{ role: "user", content: "Hello" }] })

describe("two gateways in one process", () => {
  it.effect("have providers, keys, limits, tables and metrics of their own", () =>
    Effect.gen(function* () {
      const [north, south] = yield* Effect.all(
        [
          start("north", { tiers: { free: { rpm: 1 } }, models: { best: { candidates: ["north/one"] } } }),
          start("south", { tiers: { free: { rpm: 1000 } }, models: { best: { candidates: ["south/two"] } } })
        ],
        { concurrency: "unbounded" }
      )
      assert.notStrictEqual(north.url, south.url)

      const ours = yield* north.chat(north.key, hello("best"))
      assert.strictEqual(ours.json.choices[0].message.content, "I am north")
      const theirs = yield* south.chat(south.key, hello("best"))
      assert.strictEqual(theirs.json.choices[0].message.content, "I am south")

      // The limit of the one is reached, and the other goes on.
      assert.strictEqual((yield* north.chat(north.key, hello("best"))).status, 429)
      assert.strictEqual((yield* south.chat(south.key, hello("best"))).status, 200)

      // Neither knows the other's keys, providers or administrator.
      assert.strictEqual((yield* south.chat(north.key, hello("best"))).json.error.details.reason, "invalid_api_key")
      assert.strictEqual(
        (yield* south.chat(south.key, hello("north/one"))).json.error.details.reason,
        "model_not_found"
      )
      assert.strictEqual((yield* gatewayAt(south.url, north.adminKey).admin("GET", "/users")).status, 401)
      assert.lengthOf((yield* north.admin("GET", "/users")).json.data, 1)

      const [told, toldThere] = [yield* north.metrics.render, yield* south.metrics.render]
      assert.match(told, /xrouter_requests_total\{[^}]*provider="north"[^}]*\} 1$/m)
      assert.notInclude(told, `provider="south"`)
      assert.match(toldThere, /xrouter_requests_total\{[^}]*provider="south"[^}]*\} 2$/m)
      assert.notInclude(toldThere, `provider="north"`)
      assert.match(told, /xrouter_rate_limited_total\{reason="requests_per_minute"\} 1$/m)
      assert.notInclude(toldThere, "requests_per_minute")
    }).pipe(Effect.scoped)
  )

  it.effect("end by themselves: the other one serves on", () =>
    Effect.gen(function* () {
      const staying = yield* start("staying", {})
      const url = yield* Effect.scoped(
        Effect.gen(function* () {
          const leaving = yield* start("leaving", {})
          assert.strictEqual((yield* leaving.chat(leaving.key, hello("leaving/one"))).status, 200)
          return leaving.url
        })
      )
      yield* Effect.flip(Effect.tryPromise(() => fetch(url)))
      assert.strictEqual((yield* staying.chat(staying.key, hello("staying/one"))).status, 200)
    }).pipe(Effect.scoped)
  )
})
