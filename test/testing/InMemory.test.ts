import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { Authenticator } from "../../src/auth/Authenticator.ts"
import { Gateway } from "../../src/Gateway.ts"
import { Ledger } from "../../src/ledger/Ledger.ts"
import { Limits } from "../../src/limits/Limits.ts"
import { Providers } from "../../src/router/Providers.ts"
import { Router } from "../../src/router/Router.ts"
import { Answers, Calls, InMemory, MemoryKeys, ScriptedProvider } from "../../src/testing/index.ts"

describe("an application's services in memory", () => {
  it.effect("carry the gateway that it has mounted beside its own routes", () =>
    Effect.gen(function* () {
      const good = ScriptedProvider.make("good", { answer: Answers.says("Rome.") })
      const own = HttpRouter.add("GET", "/", HttpServerResponse.text("own"))
      const application = HttpRouter.serve(Layer.merge(own, Gateway.layerMounted({ prefix: "/llm" })), {
        disableLogger: true,
        disableListenLog: true
      }).pipe(
        Layer.provideMerge(InMemory.services().pipe(Layer.provide(Providers.layer([good])))),
        Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0 }))
      )
      yield* Effect.gen(function* () {
        const { address } = yield* HttpServer.HttpServer
        const url = address._tag === "UnixPathAddress" ? "" : `http://127.0.0.1:${address.port}`
        const { key } = yield* (yield* MemoryKeys).make()
        const ask = (path: string, init?: RequestInit) =>
          Effect.promise(() => fetch(url + path, init).then((answer) => answer.text()))
        assert.strictEqual(yield* ask("/"), "own")
        const answer = yield* ask("/llm/v1/chat/completions", {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ model: "good/m", messages: [{ role: "user", content: "Hello" }] })
        })
        assert.include(answer, "Rome.")
        assert.lengthOf(yield* (yield* Calls).all, 1)
      }).pipe(Effect.provide(application))
    })
  )

  it.effect("carry it as a function of a request", () =>
    Effect.gen(function* () {
      const good = ScriptedProvider.make("good", { answer: Answers.says("Rome.") })
      const services: Layer.Layer<MemoryKeys | Calls | Router | Limits | Ledger, never, Providers> = InMemory.services()
      assert.isDefined(services)
      yield* Effect.gen(function* () {
        const handle = yield* Gateway.webHandler()
        const { key } = yield* (yield* MemoryKeys).make()
        const response = yield* handle(
          new Request("http://gateway.example/v1/chat/completions", {
            method: "POST",
            headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
            body: JSON.stringify({ model: "good/m", messages: [{ role: "user", content: "Hello" }] })
          })
        )
        assert.include(yield* Effect.promise(() => response.text()), "Rome.")
      }).pipe(Effect.provide(InMemory.services().pipe(Layer.provide(Providers.layer([good])))))
    })
  )

  it.live("carry it as a function without Effect, whose other effects have them too", () =>
    Effect.promise(async () => {
      const good = ScriptedProvider.make("good", { answer: Answers.says("Rome.") })
      const services = InMemory.services().pipe(Layer.provide(Providers.layer([good])))
      const { dispose, handler, run } = Gateway.toWebHandler(services)
      const { key } = await run(Effect.flatMap(MemoryKeys, ({ make }) => make()))
      const answer = await handler(
        new Request("http://gateway.example/v1/chat/completions", {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ model: "good/m", messages: [{ role: "user", content: "Hello" }] })
        })
      )
      assert.include(await answer.text(), "Rome.")
      assert.lengthOf(await run(Effect.flatMap(Calls, ({ all }) => all)), 1)
      await dispose()
      // @ts-expect-error The routes stand on more than callers.
      assert.isDefined(Gateway.toWebHandler(InMemory.callers))
    })
  )

  it.effect("know who calls and how much that may use, and what was used, each by itself", () =>
    Effect.gen(function* () {
      const { key, id, userId } = yield* (yield* MemoryKeys).make({ tier: "free" })
      const authenticator = yield* Authenticator
      const principal = yield* authenticator.authenticate({ authorization: `Bearer ${key}`, ip: "127.0.0.1" })
      assert.deepInclude(principal, { userId, credentialId: id, tier: "free" })
      const token = yield* Effect.flip(authenticator.authenticate({ authorization: "Bearer a.b.c", ip: "127.0.0.1" }))
      assert.deepInclude(token, { _tag: "AuthError", reason: "invalid_token" })

      const limits = yield* Limits
      const ask = { principal, requestId: "req_1", estimate: 1, onWindows: () => undefined }
      yield* limits.admit(ask)
      const refusal = yield* Effect.flip(limits.admit({ ...ask, requestId: "req_2" }))
      assert.deepInclude(refusal, { _tag: "RateLimitError", reason: "requests_per_minute" })

      const ledger = yield* Ledger
      const entry = ledger.begin({
        requestId: "req_1",
        id: "chatcmpl-1",
        userId,
        keyId: id,
        model: "smart",
        provider: "good",
        providerModel: "m",
        streamed: false
      })
      yield* entry.recorded
      const usage = Answers.used({ promptTokens: 3 })
      const ended = { provider: "good", providerModel: "m", usage, estimated: false, latencyMillis: 1, attempts: [] }
      entry.end({ status: "completed", ...ended })
      const [call] = yield* (yield* Calls).all
      assert.deepInclude(call, { status: "completed", cost: { micros: 6_000_000n, currency: "RUB" } })
    }).pipe(
      Effect.provide([
        InMemory.callers,
        InMemory.limits({ tiers: { free: { rpm: 1 } } }),
        InMemory.ledger({
          models: { smart: { candidates: ["good/m"], price: { input: "2", output: "2", currency: "RUB", per: 1 } } }
        })
      ])
    )
  )
})
