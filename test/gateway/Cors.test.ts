import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { hello, startGateway, type TestGateway } from "../support/Gateway.ts"

const app = "https://app.example.com"
const stranger = "https://stranger.example"

class Subject extends Context.Service<
  Subject,
  {
    /** Lets every origin in. */
    readonly open: TestGateway
    /** Lets one origin in. */
    readonly closed: TestGateway
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      return { open: yield* startGateway(), closed: yield* startGateway({ corsOrigins: [app] }) }
    })
  )
}

/** As a browser asks before it sends a request of another origin (Fetch standard, "CORS-preflight fetch"). */
const preflight = (gateway: TestGateway, path: string, method: string, headers?: string, origin = app) =>
  gateway.request(path, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": method,
      ...(headers === undefined ? {} : { "access-control-request-headers": headers })
    }
  })

/** Those of the answer's headers that are about other origins. */
const access = (headers: Headers): Record<string, string> =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith("access-control-") || name === "vary"))

const names = (header: string | null) => header?.split(", ") ?? []

layer(Subject.layer, { excludeTestServices: true })("a browser's preflight", (it) => {
  it.effect("is answered 204 with the path's methods, the headers it asked for, and for two hours", () =>
    Effect.gen(function* () {
      const { open } = yield* Subject
      const asked = "authorization,content-type,x-stainless-lang,x-stainless-retry-count"
      const answer = yield* preflight(open, "/v1/chat/completions", "POST", asked)
      assert.deepStrictEqual([answer.status, answer.text], [204, ""])
      assert.deepInclude(access(answer.headers), {
        "access-control-allow-origin": "*",
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": asked,
        "access-control-max-age": "7200",
        vary: "Origin"
      })
      assert.match(answer.headers.get("x-request-id") ?? "", /^req_/)
    })
  )

  it.effect("needs no key, and names the headers that every client sends where it named none", () =>
    Effect.gen(function* () {
      const { open } = yield* Subject
      const { headers, status } = yield* preflight(open, "/v1/models/sandbox/echo", "GET")
      assert.strictEqual(status, 204)
      assert.strictEqual(headers.get("access-control-allow-methods"), "GET, HEAD")
      assert.strictEqual(headers.get("access-control-allow-headers"), "authorization, content-type")
    })
  )

  it.effect("of an origin of the list is let in by its name, of another not at all", () =>
    Effect.gen(function* () {
      const { closed } = yield* Subject
      const mine = yield* preflight(closed, "/v1/models", "GET")
      assert.strictEqual(mine.headers.get("access-control-allow-origin"), app)
      for (const origin of [stranger, "null", `${app}.evil.example`, app.toUpperCase()]) {
        const other = yield* preflight(closed, "/v1/models", "GET", "authorization", origin)
        assert.strictEqual(other.status, 204)
        assert.deepStrictEqual(access(other.headers), { vary: "Origin" }, origin)
      }
    })
  )

  it.effect("finds no way to the admin API, the pages and what only machines ask", () =>
    Effect.gen(function* () {
      const { open } = yield* Subject
      for (const path of ["/admin/v1/users", "/admin/v1/keys/key_1", "/health", "/metrics", "/docs", "/openapi.json"]) {
        const { headers, status } = yield* preflight(open, path, "GET", "authorization")
        assert.strictEqual(status, 204, path)
        assert.deepStrictEqual(access(headers), {}, path)
      }
      assert.strictEqual((yield* preflight(open, "/v1/nothing", "GET")).status, 404)
    })
  )

  it.effect("is told apart from an OPTIONS that asks for the methods", () =>
    Effect.gen(function* () {
      const { open } = yield* Subject
      for (const headers of [{}, { origin: app }, { "access-control-request-method": "POST" }]) {
        const answer = yield* open.request("/v1/models", { method: "OPTIONS", headers })
        assert.strictEqual(answer.status, 204)
        assert.strictEqual(answer.headers.get("allow"), "GET, HEAD, OPTIONS")
        assert.isNull(answer.headers.get("access-control-allow-methods"))
      }
    })
  )
})

layer(Subject.layer, { excludeTestServices: true })("an answer to a page of another origin", (it) => {
  const body = JSON.stringify(hello)

  it.effect("may be read, and its headers too, whether it is a success or a refusal", () =>
    Effect.gen(function* () {
      const { open } = yield* Subject
      const key = yield* open.makeKey({ limits: { rpm: 1 } })
      const ask = open.request("/v1/chat/completions", {
        method: "POST",
        headers: { origin: app, authorization: `Bearer ${key}`, "content-type": "application/json" },
        body
      })
      const told = [yield* ask, yield* ask, yield* open.request("/v1/models", { headers: { origin: app } })]
      assert.deepStrictEqual(
        told.map(({ status }) => status),
        [200, 429, 401]
      )
      for (const { headers } of told) {
        assert.strictEqual(headers.get("access-control-allow-origin"), "*")
        const exposed = new Set(names(headers.get("access-control-expose-headers")))
        // What a script may read without being told of it (Fetch standard, "CORS-safelisted response-header name"), and what is
        // about the connection and not the answer.
        const others = new Set(["content-type", "content-length", "date", "connection", "keep-alive", "vary"])
        for (const [name] of headers) {
          if (name.startsWith("access-control-") || others.has(name)) continue
          assert.isTrue(exposed.has(name), `${name} is exposed`)
        }
      }
    })
  )

  it.effect("never lets credentials of the browser in", () =>
    Effect.gen(function* () {
      const { closed, open } = yield* Subject
      for (const gateway of [open, closed]) {
        const answers = [
          yield* preflight(gateway, "/v1/chat/completions", "POST", "authorization"),
          yield* gateway.request("/v1/models", { headers: { origin: app, cookie: "session=1" } })
        ]
        for (const { headers } of answers) assert.isNull(headers.get("access-control-allow-credentials"))
      }
    })
  )

  it.effect("may be read by an origin of the list alone, and caches keep them apart", () =>
    Effect.gen(function* () {
      const { closed } = yield* Subject
      const from = (origin: string) => closed.request("/v1/models", { headers: { origin } })
      const mine = access((yield* from(app)).headers)
      assert.strictEqual(mine["access-control-allow-origin"], app)
      assert.strictEqual(mine["vary"], "Origin")
      assert.deepStrictEqual(access((yield* from(stranger)).headers), { vary: "Origin" })
    })
  )

  it.effect("of the admin API or a page may not be read", () =>
    Effect.gen(function* () {
      const { open } = yield* Subject
      for (const path of ["/admin/v1/users", "/health", "/docs", "/openapi.json", "/nothing"]) {
        const { headers } = yield* open.request(path, {
          headers: { origin: app, authorization: `Bearer ${open.adminKey}` }
        })
        assert.deepStrictEqual(access(headers), {}, path)
      }
    })
  )

  it.effect("is kept apart by caches from one that no page asked for, which has no such headers", () =>
    Effect.gen(function* () {
      const { closed, open } = yield* Subject
      for (const gateway of [open, closed]) {
        for (const path of ["/v1/models", "/.well-known/oauth-authorization-server"]) {
          assert.deepStrictEqual(access((yield* gateway.request(path)).headers), { vary: "Origin" }, path)
        }
        for (const path of ["/admin/v1/users", "/health", "/docs"]) {
          assert.deepStrictEqual(access((yield* gateway.request(path)).headers), {}, path)
        }
        const posted = yield* gateway.request("/v1/chat/completions", { method: "POST", body })
        assert.deepStrictEqual(access(posted.headers), {})
      }
    })
  )
})
