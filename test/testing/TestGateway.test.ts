import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { TestClock } from "effect/testing"
import OpenAI from "openai"
import * as Sandbox from "../../src/providers/sandbox/index.ts"
import { Answers, ScriptedProvider, TestGateway } from "../../src/testing/index.ts"
import { eventually } from "../support/Eventually.ts"

const chat = (gateway: TestGateway.TestGateway, body: unknown, key = gateway.key, path = "/v1/chat/completions") =>
  Effect.promise(async (signal) => {
    const response = await fetch(`${gateway.url}${path}`, {
      signal,
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    return { status: response.status, headers: response.headers, body: await response.text() }
  })

const hello = { model: "good/m", messages: [{ role: "user", content: "Hello" }] }

const good = (script?: ScriptedProvider.Script) => ScriptedProvider.make("good", script)

describe("a test's gateway", () => {
  it.effect("answers the official SDK by its scripted provider, whole and streamed", () =>
    Effect.gen(function* () {
      const provider = good({ answer: Answers.says("Rome.", Answers.used({ promptTokens: 5, completionTokens: 2 })) })
      const gateway = yield* TestGateway.start({ providers: [provider] })
      const client = new OpenAI({ apiKey: gateway.key, baseURL: gateway.baseUrl, maxRetries: 0 })
      const whole = yield* Effect.promise(() =>
        client.chat.completions.create({ model: "good/m", messages: [{ role: "user", content: "Hello" }] })
      )
      assert.strictEqual(whole.choices[0]?.message.content, "Rome.")
      const pieces = yield* Effect.promise(async () => {
        const stream = await client.chat.completions.create({
          model: "good/m",
          messages: [{ role: "user", content: "Hello" }],
          stream: true
        })
        const all: Array<string> = []
        for await (const chunk of stream) all.push(chunk.choices[0]?.delta.content ?? "")
        return all
      })
      assert.strictEqual(pieces.join(""), "Rome.")
      assert.deepStrictEqual(
        provider.sent.map(({ model }) => model),
        ["m", "m"]
      )
    })
  )

  it.effect("tells what each call used and cost", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.start({
        providers: [good({ answer: Answers.says("Rome.", Answers.used({ promptTokens: 5, completionTokens: 2 })) })],
        models: {
          smart: { candidates: ["good/m"], price: { input: "1", output: "10", currency: "RUB", per: 1 } }
        }
      })
      const { status } = yield* chat(gateway, { ...hello, model: "smart" })
      assert.strictEqual(status, 200)
      yield* eventually(Effect.map(gateway.calls, ([call]) => call?.status === "completed"))
      const [call] = yield* gateway.calls
      assert.deepInclude(call, {
        model: "smart",
        provider: "good",
        providerModel: "m",
        tokens: { prompt: 5, completion: 2, cached: 0, reasoning: 0 },
        cost: { micros: 25_000_000n, currency: "RUB" }
      })
    })
  )

  it.effect("moves on from a provider that fails to the next", () =>
    Effect.gen(function* () {
      const bad = ScriptedProvider.make("bad", { answer: Answers.fails(Answers.failure("provider_unavailable")) })
      const gateway = yield* TestGateway.start({
        providers: [bad, good()],
        models: { smart: { candidates: ["bad/m"], fallbacks: ["good/m"] } }
      })
      const { body, headers } = yield* chat(gateway, { ...hello, model: "smart" })
      assert.include(body, "I am good")
      assert.strictEqual(headers.get("x-xrouter-provider"), "good")
      assert.lengthOf(bad.sent, 1)
    })
  )

  it.effect("holds a key to its limits, by the test's clock", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.start({ providers: [good()], key: { limits: { rpm: 1 } } })
      const statuses = [yield* chat(gateway, hello), yield* chat(gateway, hello)]
      yield* TestClock.adjust("61 seconds")
      statuses.push(yield* chat(gateway, hello))
      assert.deepStrictEqual(
        statuses.map(({ status }) => status),
        [200, 429, 200]
      )
    })
  )

  it.effect("knows no key but its own, and those no longer that were revoked or have expired", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.start({ providers: [good()] })
      const other = yield* TestGateway.start({ providers: [good()] })
      const narrow = yield* gateway.makeKey({ models: ["good/other"] })
      const brief = yield* gateway.makeKey({ expiresAt: 1000 })
      const revoked = yield* gateway.makeKey()
      const reasonOf = (key: string) =>
        Effect.map(chat(gateway, hello, key), ({ body, status }) =>
          status === 200 ? "served" : JSON.parse(body).error.details.reason
        )
      assert.deepStrictEqual(yield* Effect.forEach([gateway.key, revoked.key, brief.key], reasonOf), [
        "served",
        "served",
        "served"
      ])
      yield* revoked.revoke
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(
        yield* Effect.forEach([revoked.key, brief.key, narrow.key, other.key, "sk-else"], reasonOf),
        ["key_revoked", "key_expired", "model_not_allowed", "invalid_api_key", "invalid_api_key"]
      )
    })
  )

  it.effect("lists models and is healthy", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.start({ providers: [Sandbox.make()] })
      const get = (path: string) =>
        Effect.promise(async () => {
          const response = await fetch(`${gateway.url}${path}`, {
            headers: { authorization: `Bearer ${gateway.key}` }
          })
          return { status: response.status, body: await response.text() }
        })
      assert.include((yield* get("/v1/models")).body, "sandbox/echo")
      assert.strictEqual((yield* get("/health/ready")).status, 200)
    })
  )

  it.effect("has no administration, and answers 503 where it would need a database", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.start({ providers: [good()] })
      const get = (path: string) =>
        Effect.promise(() => fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${gateway.key}` } }))
      assert.strictEqual((yield* get("/admin/v1/keys")).status, 404)
      assert.strictEqual((yield* get("/v1/generation?id=chatcmpl-of-another-day")).status, 503)
    })
  )

  it.effect("lets go of the provider when its client leaves, and of its clients when it ends", () =>
    Effect.gen(function* () {
      const provider = good({ answer: Answers.hangs("Rome") })
      const ended = yield* Effect.scoped(
        Effect.gen(function* () {
          const gateway = yield* TestGateway.start({ providers: [provider] })
          yield* Effect.raceFirst(
            chat(gateway, { ...hello, stream: true }),
            eventually(Effect.sync(() => provider.sent.length === 1))
          )
          yield* eventually(Effect.sync(() => provider.abandoned.length === 1))
          yield* Effect.forkChild(chat(gateway, { ...hello, stream: true }))
          yield* eventually(Effect.sync(() => provider.sent.length === 2))
          return gateway.url
        })
      )
      yield* eventually(Effect.sync(() => provider.abandoned.length === 2))
      const refused = yield* Effect.exit(Effect.tryPromise(() => fetch(`${ended}/health/live`)))
      assert.strictEqual(refused._tag, "Failure")
    })
  )

  it.effect("fails to start with the provider's own failure, where one cannot be made", () =>
    Effect.gen(function* () {
      const made: Effect.Effect<TestGateway.TestGateway, "no provider", Scope.Scope> = TestGateway.start({
        providers: [Effect.fail("no provider" as const)]
      })
      assert.strictEqual(yield* Effect.flip(made), "no provider")
    })
  )
})
