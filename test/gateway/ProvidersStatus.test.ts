import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { startGateway } from "../support/Gateway.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { completion } from "./faults.ts"

const messages = [{ role: "user", content: "Hello" }]

const start = Effect.gen(function* () {
  const state = { isBroken: false }
  const upstream = yield* Scripted.make(({ method }) =>
    method === "GET"
      ? Scripted.json(200, { data: [{ id: "m" }, { id: "n" }] })
      : state.isBroken
        ? Scripted.json(500, {})
        : Scripted.json(200, completion)
  )
  const gateway = yield* startGateway({
    providers: providers({
      openai: { ...openAiSettings(upstream.url), circuit: { failures: 4, cooldown: Duration.seconds(30) } },
      sandbox: { kind: "sandbox" }
    }),
    models: new Map([["smart", alias(["openai/m"])]])
  })
  const key = yield* gateway.makeKey()
  const status = Effect.map(
    gateway.request("/v1/providers/status", { headers: { authorization: `Bearer ${key}` } }),
    ({ json }) => json
  )
  const ask = (more: object = {}) => gateway.chat(key, { model: "openai/m", messages, ...more })
  return { ask, gateway, key, state, status, upstream }
})

const chats = (upstream: Scripted.ScriptedUpstream) =>
  upstream.requests.filter(({ method }) => method === "POST").map(({ body }) => body)

describe("GET /v1/providers/status", () => {
  it.live("tells how each provider has served, and since when", () =>
    Effect.gen(function* () {
      const { ask, gateway, state, status } = yield* start
      const before = yield* status
      assert.deepStrictEqual(before, {
        object: "list",
        data: ["openai", "sandbox"].map((provider, index) => ({
          provider,
          status: "operational",
          latency_ms: null,
          success_rate: null,
          circuit: "closed",
          last_change: before.data[index].last_change
        }))
      })
      for (let i = 0; i < 4; i++) assert.strictEqual((yield* ask()).status, 200)
      const [well] = (yield* status).data
      assert.deepInclude(well, { status: "operational", success_rate: 1, circuit: "closed" })
      assert.isAtLeast(well.latency_ms, 0)
      assert.strictEqual(well.last_change, before.data[0].last_change)

      state.isBroken = true
      yield* ask()
      const [worse] = (yield* status).data
      assert.deepInclude(worse, { status: "degraded", circuit: "closed" })
      assert.isAbove(Date.parse(worse.last_change), Date.parse(well.last_change))
      yield* ask()
      const [down] = (yield* status).data
      assert.deepInclude(down, { status: "down", success_rate: 0.5, circuit: "open" })

      const refused = yield* ask()
      assert.strictEqual(refused.status, 503)
      assert.strictEqual(refused.json.error.details.reason, "circuit_open")
      assert.isAtLeast(Number(refused.headers.get("retry-after")), 29)
      assert.strictEqual((yield* gateway.request("/health/providers")).json.openai.status, "down")
      assert.include((yield* gateway.request("/metrics")).text, 'xrouter_circuit_open{provider="openai"} 1')
    }).pipe(Effect.scoped)
  )

  it.live("is for callers of the API", () =>
    Effect.gen(function* () {
      const { gateway } = yield* start
      assert.strictEqual((yield* gateway.request("/v1/providers/status")).status, 401)
    }).pipe(Effect.scoped)
  )
})

describe("a caller's wishes", () => {
  it.live("are the router's, and not sent on", () =>
    Effect.gen(function* () {
      const { ask, upstream } = yield* start
      const answer = yield* ask({ models: ["sandbox/echo"], provider: { order: ["sandbox"], sort: null } })
      assert.strictEqual(answer.headers.get("x-xrouter-provider"), "sandbox")
      assert.strictEqual(answer.json.model, "openai/m")
      yield* ask({ provider: { only: ["openai"] } })
      assert.deepStrictEqual(chats(upstream), [{ model: "m", messages }])
    }).pipe(Effect.scoped)
  )

  for (const [wishes, param] of [
    [{ models: "sandbox/echo" }, "models"],
    [{ models: [""] }, "models[0]"],
    [{ provider: "openai" }, "provider"],
    [{ provider: { order: "openai" } }, "provider.order"],
    [{ provider: { only: [1] } }, "provider.only[0]"],
    [{ provider: { allow_fallbacks: "no" } }, "provider.allow_fallbacks"],
    [{ provider: { sort: "beauty" } }, "provider.sort"],
    [{ provider: { zdr: true } }, "provider.zdr"],
    [{ provider: { only: ["nobody"] } }, "provider"]
  ] as const) {
    it.live(`that cannot be read or fulfilled are refused with their path: ${JSON.stringify(wishes)}`, () =>
      Effect.gen(function* () {
        const { ask, upstream } = yield* start
        const answer = yield* ask(wishes)
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(answer.json.error.param, param)
        assert.deepStrictEqual(chats(upstream), [])
      }).pipe(Effect.scoped)
    )
  }

  it.live("reach no model that the caller's key may not use, and none that is not there", () =>
    Effect.gen(function* () {
      const { ask, gateway } = yield* start
      const key = yield* gateway.makeKey({ models: ["openai/m"] })
      const bound = yield* gateway.chat(key, { model: "openai/m", models: ["sandbox/echo"], messages })
      assert.strictEqual(bound.json.error.details.reason, "model_not_allowed")
      assert.strictEqual((yield* ask({ models: ["nobody"] })).json.error.details.reason, "model_not_found")
    }).pipe(Effect.scoped)
  )
})
