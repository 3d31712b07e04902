import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { startGateway } from "../support/Gateway.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import { gigaChatSettings, providers } from "../support/Upstreams.ts"

const messages = [{ role: "user", content: "Посчитай до трёх" }]

const start = Effect.gen(function* () {
  const upstream = yield* GigaChatUpstream.make()
  const gateway = yield* startGateway({ providers: providers({ gigachat: gigaChatSettings(upstream) }) })
  return { upstream, gateway }
})

describe("the limits of a key", () => {
  it.live("let exactly three of eight parallel requests through, and the others cost nothing", () =>
    Effect.gen(function* () {
      const { gateway, upstream } = yield* start
      const key = yield* gateway.makeKey({ limits: { rpm: 3 } })
      const answers = yield* Effect.all(
        Array.from({ length: 8 }, () => gateway.chat(key, { model: "gigachat", messages })),
        { concurrency: "unbounded" }
      )
      const refused = answers.filter(({ status }) => status === 429)
      assert.strictEqual(answers.filter(({ status }) => status === 200).length, 3)
      assert.strictEqual(refused.length, 5)
      for (const { headers, json } of refused) {
        assert.isAtLeast(Number(headers.get("retry-after")), 1)
        assert.isAtMost(Number(headers.get("retry-after")), 60)
        assert.isAtLeast(Number(headers.get("retry-after-ms")), 1)
        assert.deepInclude(json.error, { code: "rate_limit_error", type: "rate_limit_exceeded", param: null })
        assert.deepInclude(json.error.details, { reason: "requests_per_minute", limit: 3, remaining: 0 })
        assert.strictEqual(json.error.details.retry_after, Number(headers.get("retry-after")))
      }
      assert.strictEqual(upstream.chats().length, 3)
    }).pipe(Effect.scoped)
  )

  it.live("are told on every answer, and refused requests of other kinds consume none", () =>
    Effect.gen(function* () {
      const { gateway } = yield* start
      const key = yield* gateway.makeKey({ limits: { rpm: 5, rpd: 100 } })
      const refused = [
        yield* gateway.chat(key, { model: "no-such", messages }),
        yield* gateway.chat(key, "{"),
        yield* gateway.chat(key, { model: "gigachat", messages: [] }),
        yield* gateway.post("/v1/embeddings", key, { model: "no-such", input: "a" })
      ]
      assert.deepStrictEqual(
        refused.map(({ headers, status }) => [status, headers.get("x-ratelimit-remaining-requests")]),
        [404, 400, 400, 404].map((status) => [status, "5"])
      )
      const { headers } = yield* gateway.chat(key, { model: "gigachat", messages })
      assert.strictEqual(headers.get("x-ratelimit-limit-requests"), "5")
      assert.strictEqual(headers.get("x-ratelimit-remaining-requests"), "4")
      assert.match(headers.get("x-ratelimit-reset-requests") ?? "", /^(1m0s|\d+(\.\d+)?s|\d+ms)$/)
      assert.strictEqual(headers.get("X-RateLimit-Limit"), "5")
      assert.strictEqual(headers.get("X-RateLimit-Remaining"), "4")
      const reset = Number(headers.get("X-RateLimit-Reset")) - Date.now() / 1000
      assert.isTrue(reset > 50 && reset <= 62)
    }).pipe(Effect.scoped)
  )

  it.live("bound requests at once, and free a place when an answer ends", () =>
    Effect.gen(function* () {
      const { gateway, upstream } = yield* start
      const key = yield* gateway.makeKey({ limits: { concurrency: 1 } })
      const begin = yield* Latch.make()
      upstream.answer({ begin })
      const first = yield* Effect.forkScoped(gateway.chat(key, { model: "gigachat", messages }))
      yield* upstream.take.pipe(Effect.repeat({ until: ({ path }) => path.endsWith("/chat/completions") }))
      const second = yield* gateway.chat(key, { model: "gigachat", messages })
      assert.strictEqual(second.status, 429)
      assert.strictEqual(second.json.error.details.reason, "concurrency")
      yield* begin.open
      assert.strictEqual((yield* Fiber.join(first)).status, 200)
      assert.strictEqual((yield* gateway.chat(key, { model: "gigachat", messages })).status, 200)
    }).pipe(Effect.scoped)
  )
})
