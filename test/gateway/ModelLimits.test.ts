import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { alias } from "../support/ScriptedProvider.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"

interface Subject {
  readonly gateway: TestGateway
  readonly upstream: OpenAiUpstream.OpenAiUpstream
}

class Running extends Context.Service<Running, Subject>()("Running") {
  static readonly layer = Layer.effect(
    Running,
    Effect.gen(function* () {
      const upstream = yield* OpenAiUpstream.make()
      const gateway = yield* startGateway({
        providers: providers({
          up: openAiSettings(upstream.baseUrl),
          two: openAiSettings(upstream.baseUrl),
          three: openAiSettings(upstream.baseUrl),
          four: openAiSettings(upstream.baseUrl),
          sandbox: { kind: "sandbox" }
        }),
        models: new Map([
          ["first-full", alias(["up/gpt-test", "sandbox/story"])],
          ["second-full", { ...alias(["two/broken", "two/gpt-test"]), attempts: 1 }],
          ["given-back", { ...alias(["three/broken", "sandbox/echo"]), attempts: 1 }],
          ["asked-again", { ...alias(["four/broken"]), attempts: 2 }]
        ]),
        modelLimits: new Map([
          ["up/gpt-test", { rpm: 1 }],
          ["two/gpt-test", { rpm: 1 }],
          ["three/broken", { tpm: 400, concurrency: 1 }],
          ["four/broken", { rpm: 2 }]
        ])
      })
      return { gateway, upstream }
    })
  )
}

const ask = (gateway: TestGateway, key: string, model: string, more: object = {}) =>
  gateway.chat(key, { model, messages: [{ role: "user", content: "hello" }], ...more })

layer(Running.layer, { timeout: "60 seconds", excludeTestServices: true })(
  "What all callers together may use of a model",
  (it) => {
    describe("limits", () => {
      it.effect("that are used up let the next candidate serve, and cost the caller one request", () =>
        Effect.gen(function* () {
          const { gateway } = yield* Running
          const key = yield* gateway.makeKey({ limits: { rpm: 10 } })
          const one = yield* ask(gateway, key, "first-full")
          const two = yield* ask(gateway, key, "first-full")
          assert.deepStrictEqual(
            [one, two].map(({ headers, status }) => [status, headers.get("x-xrouter-provider")]),
            [
              [200, "up"],
              [200, "sandbox"]
            ]
          )
          assert.strictEqual(two.headers.get("x-ratelimit-remaining-requests"), "8")
          const { text } = yield* gateway.request("/metrics")
          assert.include(text, 'xrouter_fallbacks_total{from="up",to="sandbox"} 1')
        })
      )

      it.effect("refuse who asks for that model alone, tell which limit it is, and cost the caller nothing", () =>
        Effect.gen(function* () {
          const { gateway } = yield* Running
          const key = yield* gateway.makeKey({ limits: { rpm: 10 } })
          yield* ask(gateway, key, "up/gpt-test")
          const refused = yield* ask(gateway, key, "up/gpt-test")
          assert.strictEqual(refused.status, 429)
          assert.strictEqual(refused.json.error.details.reason, "requests_per_minute")
          assert.include(refused.json.error.message, "up/gpt-test")
          const other = yield* ask(gateway, key, "sandbox/echo")
          assert.isAtLeast(Number(other.headers.get("x-ratelimit-remaining-requests")), 8)
        })
      )

      it.effect("hold for who takes over too", () =>
        Effect.gen(function* () {
          const { gateway, upstream } = yield* Running
          const key = yield* gateway.makeKey()
          const served = yield* ask(gateway, key, "second-full")
          assert.strictEqual(served.status, 200)
          const before = upstream.requests.length
          const refused = yield* ask(gateway, key, "second-full")
          // It is the first candidate's failure that is told: the second was not called.
          assert.strictEqual(refused.status, 502)
          assert.strictEqual(upstream.requests.length, before + 1)
        })
      )

      it.effect("have tokens and places given back by a call that came to nothing", () =>
        Effect.gen(function* () {
          const { gateway } = yield* Running
          const key = yield* gateway.makeKey()
          for (let call = 0; call < 4; call++) {
            const answer = yield* ask(gateway, key, "given-back", { max_tokens: 300, stream: call % 2 === 1 })
            assert.strictEqual(answer.status, 200)
            assert.strictEqual(answer.headers.get("x-xrouter-provider"), "sandbox")
          }
        })
      )

      it.effect("count each call of a provider that is asked again", () =>
        Effect.gen(function* () {
          const { gateway } = yield* Running
          const key = yield* gateway.makeKey()
          assert.strictEqual((yield* ask(gateway, key, "asked-again")).status, 502)
          assert.strictEqual((yield* ask(gateway, key, "asked-again")).status, 429)
        })
      )
    })
  }
)
