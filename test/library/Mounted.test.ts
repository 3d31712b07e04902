import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { Gateway, Limits, Metrics, type MountOptions, Providers, RateLimitError, unlimited } from "../../src/index.ts"
import { Answers, InMemory, MemoryKeys, ScriptedProvider } from "../../src/testing/index.ts"

/** An application with two pages of its own, and the gateway beside them. */
const serve = Effect.fnUntraced(function* (options: MountOptions, limits?: Layer.Layer<Limits>) {
  const good = ScriptedProvider.make("good", { answer: Answers.says("Rome.") })
  const pages = Layer.mergeAll(
    HttpRouter.add("GET", "/", HttpServerResponse.text("home")),
    HttpRouter.add("GET", "/broken", Effect.die(new Error("of the application")))
  )
  const mounted = Gateway.layerMounted(options)
  const application = HttpRouter.serve(
    Layer.merge(pages, limits === undefined ? mounted : mounted.pipe(Layer.provide(limits))),
    { disableLogger: true, disableListenLog: true }
  ).pipe(
    Layer.provideMerge(InMemory.services().pipe(Layer.provide(Providers.layer([good])))),
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0 }))
  )
  const context = yield* Layer.build(application)
  const { address } = Context.get(context, HttpServer.HttpServer)
  const url = address._tag === "UnixPathAddress" ? "" : `http://127.0.0.1:${address.port}`
  const { key } = yield* Context.get(context, MemoryKeys).make()
  const ask = (path: string, init?: RequestInit) =>
    Effect.promise(async () => {
      const response = await fetch(url + path, init)
      return { status: response.status, headers: response.headers, text: await response.text() }
    })
  const chat = (path: string, body: object = {}) =>
    ask(path, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "good/one", messages: [{ role: "user", content: "Hello" }], ...body })
    })
  return { ask, chat, metrics: Context.get(context, Metrics) }
})

describe("the gateway on an application's own router", () => {
  it.live("leaves the application's routes as they are, failures and unknown paths among them", () =>
    Effect.gen(function* () {
      const { ask, chat, metrics } = yield* serve({})
      assert.include((yield* chat("/v1/chat/completions")).text, "Rome.")
      const home = yield* ask("/")
      assert.deepStrictEqual([home.status, home.text], [200, "home"])
      assert.isNull(home.headers.get("x-request-id"))
      assert.isNull(home.headers.get("access-control-allow-origin"))
      const broken = yield* ask("/broken")
      assert.deepStrictEqual([broken.status, broken.text], [500, ""])
      assert.deepStrictEqual([(yield* ask("/nothing")).status, (yield* ask("/nothing")).text], [404, ""])
      const unknown = yield* ask("/v1/nothing")
      assert.deepStrictEqual([unknown.status, JSON.parse(unknown.text).error.details.reason], [404, "not_found"])
      assert.match(unknown.headers.get("x-request-id") ?? "", /^req_/)
      const wrong = yield* ask("/v1/chat/completions")
      assert.deepStrictEqual([wrong.status, wrong.headers.get("allow")], [405, "POST, OPTIONS"])
      assert.strictEqual((yield* ask("/health/live")).status, 200)
      assert.match(yield* metrics.render, /^xrouter_requests_total\{.*provider="good".*\} 1$/m)
    }).pipe(Effect.scoped)
  )

  it.live("lies below a prefix and nowhere else, streams included", () =>
    Effect.gen(function* () {
      const { ask, chat } = yield* serve({ prefix: "/llm", publicUrl: "https://example.org/llm" })
      const streamed = yield* chat("/llm/v1/chat/completions", { stream: true })
      assert.match(streamed.text, /Rome\..*data: \[DONE\]\n\n$/s)
      for (const path of ["/v1/chat/completions", "/llms/v1/chat/completions", "/llm/V1/chat/completions"]) {
        assert.strictEqual((yield* chat(path)).status, 404, path)
      }
      const metadata = yield* ask("/llm/.well-known/oauth-authorization-server")
      assert.strictEqual(JSON.parse(metadata.text).issuer, "https://example.org/llm")
      const stranger = yield* ask("/llm/v1/models")
      assert.include(stranger.headers.get("www-authenticate") ?? "", "https://example.org/llm/.well-known/")
    }).pipe(Effect.scoped)
  )

  it.live("goes by a service that is provided nearer than the others", () =>
    Effect.gen(function* () {
      const closed = new RateLimitError({ reason: "budget", message: "Not today", retryAfterMillis: 1000 })
      const policy = Layer.succeed(Limits, {
        admit: () => Effect.fail(closed),
        admitModel: () => Effect.succeed(unlimited),
        standing: () => Effect.succeed({ limits: {}, windows: {} })
      })
      const { chat } = yield* serve({}, policy)
      const refused = yield* chat("/v1/chat/completions")
      assert.deepStrictEqual([refused.status, JSON.parse(refused.text).error.message], [429, "Not today"])
    }).pipe(Effect.scoped)
  )
})
