import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { hello, startGateway, type TestGateway } from "../support/Gateway.ts"
import { providers } from "../support/Upstreams.ts"

class Subject extends Context.Service<Subject, TestGateway>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    startGateway({ providers: providers({ sandbox: { kind: "sandbox" } }) })
  )
}

layer(Subject.layer, { excludeTestServices: true })("GET /v1/auth/key", (it) => {
  it.effect("tells a key what it may use, has used and has left, and costs nothing of it", () =>
    Effect.gen(function* () {
      const gateway = yield* Subject
      const key = yield* gateway.makeKey({ limits: { rpm: 3, rpd: 10, tpm: 100_000, concurrency: 2 } })
      const own = Effect.map(
        gateway.request("/v1/auth/key", { headers: { authorization: `Bearer ${key}` } }),
        ({ json, status }) => {
          assert.strictEqual(status, 200)
          return json.data
        }
      )
      const before = yield* own
      assert.deepStrictEqual(before.limits, { rpm: 3, rpd: 10, tpm: 100_000, concurrency: 2 })
      assert.strictEqual(before.usage.requests, 0)
      assert.deepStrictEqual(before.remaining.rpm, { remaining: 3, reset_seconds: 0 })

      const answer = yield* gateway.chat(key, hello)
      assert.strictEqual(answer.status, 200)
      for (let look = 0; look < 4; look++) {
        const after = yield* own
        assert.strictEqual(after.kind, "key")
        assert.strictEqual(after.remaining.rpm.remaining, 2)
        assert.isAtLeast(after.remaining.rpm.reset_seconds, 1)
        assert.strictEqual(after.remaining.rpd.remaining, 9)
        assert.strictEqual(after.remaining.tpm.remaining, 100_000 - answer.json.usage.total_tokens)
        assert.strictEqual(after.usage.requests, 1)
        assert.strictEqual(after.usage.tokens_prompt, answer.json.usage.prompt_tokens)
        assert.strictEqual(after.usage.tokens_completion, answer.json.usage.completion_tokens)
      }
    })
  )

  it.effect("is for who is known, and never holds the key itself", () =>
    Effect.gen(function* () {
      const gateway = yield* Subject
      const key = yield* gateway.makeKey({ models: ["sandbox/echo"] })
      const anonymous = yield* gateway.request("/v1/auth/key")
      assert.strictEqual(anonymous.json.error.details.reason, "missing_credentials")
      const { json, text } = yield* gateway.request("/v1/auth/key", { headers: { authorization: `Bearer ${key}` } })
      assert.notInclude(text, key)
      assert.deepStrictEqual(json.data.models, ["sandbox/echo"])
      assert.strictEqual(json.data.expires_at, null)
    })
  )
})
