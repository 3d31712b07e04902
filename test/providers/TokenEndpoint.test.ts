import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as TokenEndpoint from "../../src/providers/TokenEndpoint.ts"
import type { UpstreamAnswer } from "../../src/providers/Upstream.ts"
import { closedPort } from "../support/Loopback.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { options } from "./upstreamRequests.ts"

const answer = (status: number, headers: UpstreamAnswer["headers"] = {}): UpstreamAnswer => ({
  status,
  headers,
  text: ""
})

const refusal = (status: number, fields: Partial<TokenEndpoint.TokenRefusal> = {}) =>
  TokenEndpoint.refusal({ provider: "p", answer: answer(status), said: "", ...fields })

describe("A token endpoint", () => {
  it.effect("is asked at its whole URL, for JSON", () =>
    Effect.gen(function* () {
      const server = yield* Scripted.make([Scripted.json(200, { token: "t" })])
      const endpoint = yield* TokenEndpoint.connect(options("http://127.0.0.1:1"), `${server.url}/oauth/token?v=2`)
      const { text } = yield* TokenEndpoint.ask(endpoint, { "x-id": "1" }, "a=b")
      assert.strictEqual(text, '{"token":"t"}')
      const [request] = server.requests
      assert.strictEqual(request?.path, "/oauth/token?v=2")
      assert.strictEqual(request?.text, "a=b")
      assert.deepInclude(request?.headers, { accept: "application/json", "x-id": "1" })
    })
  )

  it.effect("that is not reached is told of as such, with the cause for the log", () =>
    Effect.gen(function* () {
      const url = `http://127.0.0.1:${yield* closedPort}`
      const endpoint = yield* TokenEndpoint.connect(options(url, { connectTimeout: Duration.seconds(5) }), url)
      const error = yield* Effect.flip(TokenEndpoint.ask(endpoint, {}, ""))
      assert.deepInclude(error, { reason: "provider_unavailable", provider: "openai" })
      assert.strictEqual(error.message, "No access token: openai refused the connection")
      assert.instanceOf(error.cause, Error)
    })
  )

  for (const [status, reason, isRetryable, message] of [
    [400, "provider_rejected_credentials", false, /refused the gateway's key/],
    [401, "provider_rejected_credentials", false, /refused the gateway's key/],
    [403, "provider_rejected_credentials", false, /refused the gateway's key/],
    [429, "provider_unavailable", true, /limits the rate/],
    [500, "provider_unavailable", true, /failed with status 500/],
    [503, "provider_unavailable", true, /failed with status 503/],
    [302, "provider_invalid_answer", true, /status 302; its URL may be wrong/],
    [404, "provider_invalid_answer", true, /status 404; its URL may be wrong/]
  ] as const) {
    it(`that answers ${status} is ${reason}`, () => {
      const error = refusal(status)
      assert.deepInclude(error, { reason, isRetryable, upstreamStatus: status })
      assert.match(error.message, message)
    })
  }

  it("that names the operator's fault is told with it, whatever its status", () => {
    assert.deepInclude(refusal(500, { fault: "set X" }), {
      reason: "provider_rejected_credentials",
      message: "set X"
    })
  })

  it("has its own words told, without our secrets", () => {
    const error = refusal(401, { said: "key plain-key is unknown", secrets: ["plain-key"] })
    assert.strictEqual(error.upstreamMessage, "key *** is unknown")
    assert.isUndefined(refusal(401).upstreamMessage)
  })

  it("is left alone for as long as it says, and for a second where it only says that we ask too often", () => {
    assert.strictEqual(refusal(503, { answer: answer(503, { "retry-after": "7" }) }).retryAfterMillis, 7000)
    assert.strictEqual(refusal(429).retryAfterMillis, 1000)
    assert.isUndefined(refusal(503).retryAfterMillis)
  })
})
