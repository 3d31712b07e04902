import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Latch, Layer, Redacted } from "effect"
import { eventually } from "../support/Eventually.ts"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { gigaChatSettings, openAiSettings, providers } from "../support/Upstreams.ts"
import { type Exposition, readExposition, valueOf } from "../telemetry/exposition.ts"

const messages = [{ role: "user", content: "One two three four" }]

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly gigachat: GigaChatUpstream.GigaChatUpstream
    readonly told: Effect.Effect<Exposition>
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const openai = yield* OpenAiUpstream.make()
      const gigachat = yield* GigaChatUpstream.make()
      const gateway = yield* startGateway({
        providers: providers({
          gigachat: gigaChatSettings(gigachat),
          openai: openAiSettings(openai.baseUrl),
          sandbox: { kind: "sandbox" }
        })
      })
      // The list of models is there: their names are labels.
      yield* gateway.request("/v1/models", { headers: { authorization: `Bearer ${yield* gateway.makeKey()}` } })
      const told = Effect.map(gateway.request("/metrics"), ({ headers, status, text }) => {
        assert.strictEqual(status, 200)
        assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
        return readExposition(text)
      })
      return { gateway, gigachat, told }
    })
  )
}

/** The sample of exactly these labels; 0 where there is none yet. */
const sample = (told: Exposition, name: string, labels: Record<string, string> = {}): number => {
  const key = name + JSON.stringify(Object.entries(labels).sort(([a], [b]) => a.localeCompare(b)))
  return told.samples.get(key) ?? 0
}

layer(Subject.layer, { excludeTestServices: true })("GET /metrics", (it) => {
  it.effect("tells how many requests, how long, which errors and how many tokens, by provider", () =>
    Effect.gen(function* () {
      const { gateway, told } = yield* Subject
      const key = yield* gateway.makeKey()
      const before = yield* told
      const whole = yield* gateway.chat(key, { model: "openai/gpt-test", messages })
      const again = yield* gateway.chat(key, { model: "openai/gpt-test", messages: [{ role: "user", content: "One" }] })
      const stream = { stream: true, stream_options: { include_usage: true } }
      yield* gateway.chat(key, { model: "openai/gpt-test", messages, ...stream })
      yield* gateway.chat(key, { model: "openai/broken", messages })
      yield* gateway.chat(key, { model: "openai/limited", messages })
      yield* gateway.chat(key, { model: "openai/cut", messages, stream: true })
      const after = yield* eventually(
        Effect.map(
          told,
          (told) => valueOf(told, "xrouter_request_duration_seconds_count", { provider: "openai" }) === 6
        )
      ).pipe(Effect.andThen(told))

      const requests = (model: string) => valueOf(after, "xrouter_requests_total", { provider: "openai", model })
      assert.strictEqual(requests("openai/gpt-test"), 3)
      for (const model of ["openai/broken", "openai/limited", "openai/cut"]) assert.strictEqual(requests(model), 1)

      const errors = (code: string) => valueOf(after, "xrouter_errors_total", { provider: "openai", code })
      assert.strictEqual(errors("provider_error"), 2)
      assert.strictEqual(errors("rate_limit_error"), 1)

      // As the provider counted them, the streamed answer like the first one: what it told of no answer is not made up.
      const tokens = (direction: string) => valueOf(after, "xrouter_tokens_total", { provider: "openai", direction })
      const [first, second] = [whole.json.usage, again.json.usage]
      assert.strictEqual(tokens("input"), 2 * first.prompt_tokens + second.prompt_tokens)
      assert.strictEqual(tokens("output"), 2 * first.completion_tokens + second.completion_tokens)

      const seconds = valueOf(after, "xrouter_request_duration_seconds_sum", { provider: "openai" })
      assert.isTrue(seconds > 0 && seconds < 60)
      const overheads = (told: Exposition) => sample(told, "xrouter_overhead_seconds_count")
      assert.strictEqual(overheads(after) - overheads(before), 6)
      assert.strictEqual(valueOf(after, "xrouter_time_to_first_token_seconds_count", { provider: "openai" }), 4)
      assert.strictEqual(valueOf(after, "xrouter_active_requests"), 0)
      assert.strictEqual(valueOf(after, "xrouter_active_streams"), 0)
      for (const [name, type] of [
        ["xrouter_requests_total", "counter"],
        ["xrouter_request_duration_seconds", "histogram"],
        ["xrouter_errors_total", "counter"],
        ["xrouter_tokens_total", "counter"]
      ]) {
        assert.strictEqual(after.types.get(name ?? ""), type)
      }
    })
  )

  it.effect("tells of what was refused before any provider was tried, and of no request to one", () =>
    Effect.gen(function* () {
      const { gateway, told } = yield* Subject
      const key = yield* gateway.makeKey({ limits: { rpm: 1 } })
      yield* gateway.chat(key, { model: "sandbox/echo", messages })
      const before = yield* told
      yield* gateway.chat(key, { model: "sandbox/echo", messages })
      yield* gateway.chat(key, { model: "sandbox/echo", messages: [] })
      yield* gateway.chat(key, { model: "nobody/none", messages })
      yield* gateway.chat("xr-wrong", { model: "sandbox/echo", messages })
      yield* gateway.request("/nothing")
      const after = yield* told
      const grown = (name: string, labels: Record<string, string>) =>
        sample(after, name, labels) - sample(before, name, labels)
      const errors = (code: string) => grown("xrouter_errors_total", { provider: "none", code })
      assert.deepStrictEqual(["rate_limit_error", "validation_error", "auth_error"].map(errors), [1, 3, 1])
      assert.strictEqual(grown("xrouter_rate_limited_total", { reason: "requests_per_minute" }), 1)
      assert.strictEqual(grown("xrouter_requests_total", { provider: "sandbox", model: "sandbox/echo" }), 0)
    })
  )

  it.effect("tells of a client that left, and of its request while it lasted", () =>
    Effect.gen(function* () {
      const { gateway, gigachat, told } = yield* Subject
      const key = yield* gateway.makeKey()
      const proceed = yield* Latch.make()
      gigachat.answer({ proceed })
      const client = yield* Effect.forkScoped(gateway.chat(key, { model: "gigachat", messages, stream: true }))
      yield* gigachat.take.pipe(Effect.repeat({ until: ({ path }) => path.endsWith("/chat/completions") }))
      const during = yield* told
      assert.strictEqual(valueOf(during, "xrouter_active_requests"), 1)
      assert.strictEqual(valueOf(during, "xrouter_active_streams"), 1)
      yield* Fiber.interrupt(client)
      yield* eventually(Effect.map(told, (told) => valueOf(told, "xrouter_client_disconnects_total") === 1))
      const after = yield* told
      assert.strictEqual(valueOf(after, "xrouter_active_requests"), 0)
      assert.strictEqual(valueOf(after, "xrouter_active_streams"), 0)
      assert.strictEqual(
        valueOf(after, "xrouter_requests_total", { provider: "gigachat", model: "gigachat/GigaChat-2" }),
        1
      )
      // A client that leaves is no error of anybody's.
      assert.strictEqual(sample(after, "xrouter_errors_total", { provider: "gigachat", code: "provider_error" }), 0)
      gigachat.answer({ proceed: undefined })
    }).pipe(Effect.scoped)
  )

  it.effect("has no label that a caller has made up", () =>
    Effect.gen(function* () {
      const { gateway, told } = yield* Subject
      const key = yield* gateway.makeKey()
      const series = Effect.map(told, ({ samples }) => [...samples.keys()])
      const ask = (index: number) =>
        Effect.all([
          gateway.chat(key, { model: `openai/invented-${index}`, messages }),
          gateway.chat(key, { model: `sandbox/invented-${index}`, messages }),
          gateway.chat(key, { model: `gigachat-invented-${index}`, messages }),
          gateway.request(`/invented-${index}`)
        ])
      yield* ask(0)
      yield* eventually(
        Effect.map(told, (told) => sample(told, "xrouter_requests_total", { provider: "openai", model: "other" }) === 1)
      )
      const before = yield* series
      yield* Effect.forEach(
        Array.from({ length: 20 }, (_, index) => index + 1),
        ask,
        { concurrency: 4 }
      )
      const after = yield* series
      assert.deepStrictEqual(after, before)
      assert.notInclude(after.join("\n"), "invented")
      assert.notInclude(after.join("\n"), key)
    })
  )
})

describe("GET /metrics with a token", () => {
  it.live("is for who has it, and for no other key", () =>
    Effect.gen(function* () {
      const gateway = yield* startGateway({ metricsToken: Redacted.make("metrics-token-of-the-test") })
      const asked = (authorization: string | undefined) =>
        gateway.request("/metrics", authorization === undefined ? {} : { headers: { authorization } })
      for (const [authorization, reason] of [
        [undefined, "missing_credentials"],
        ["Bearer metrics-token", "invalid_token"],
        ["Bearer metrics-token-of-the-test2", "invalid_token"],
        ["metrics-token-of-the-test", "invalid_token"],
        ["Basic metrics-token-of-the-test", "invalid_token"],
        [`Bearer ${gateway.adminKey}`, "invalid_token"],
        [`Bearer ${yield* gateway.makeKey()}`, "invalid_token"]
      ] as const) {
        const answer = yield* asked(authorization)
        assert.strictEqual(answer.status, 401, String(authorization))
        assert.strictEqual(answer.json.error.details.reason, reason)
        assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer /)
        assert.notInclude(answer.text, "xrouter_requests_total")
      }
      for (const scheme of ["Bearer", "bearer"]) {
        assert.strictEqual((yield* asked(`${scheme} metrics-token-of-the-test`)).status, 200)
      }
    }).pipe(Effect.scoped)
  )
})
