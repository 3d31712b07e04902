import { PgClient } from "@effect/sql-pg"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { InternalServerError } from "openai"
import { generateKey } from "../src/auth/ApiKey.ts"
import { type CanaryGateway, startCanaryGateway } from "./support/CanaryGateway.ts"
import type { Answer } from "./support/Gateway.ts"

class Subject extends Context.Service<Subject, CanaryGateway>()("Subject") {
  static readonly layer = Layer.effect(Subject, startCanaryGateway)
}

const messages = [{ role: "user", content: "Hello" }]

layer(Subject.layer, { excludeTestServices: true })("the log of a running gateway", (it) => {
  it.effect("tells of each request in one line of JSON", () =>
    Effect.gen(function* () {
      const {
        gateway: { chat, makeKey },
        requestLine
      } = yield* Subject
      const key = yield* makeKey()
      const line = yield* requestLine(yield* chat(key, { model: "gigachat", messages }))
      const { duration_ms, key_id, overhead_ms, time_to_first_token_ms, ts, user_id, ...rest } = line
      assert.deepStrictEqual(rest, {
        level: "info",
        message: "request",
        request_id: rest["request_id"],
        method: "POST",
        route: "/v1/chat/completions",
        status: 200,
        ip: "127.0.0.1",
        model: "gigachat",
        provider: "gigachat",
        provider_model: "GigaChat-2",
        stream: false,
        tokens_prompt: 19,
        tokens_completion: 3,
        tokens_cached: 2
      })
      assert.match(ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.match(String(key_id), /^key_/)
      assert.match(String(user_id), /^user_/)
      for (const millis of [duration_ms, overhead_ms, time_to_first_token_ms]) assert.isAbove(Number(millis), 0)
      assert.isAtMost(Number(overhead_ms), Number(duration_ms))
    })
  )

  it.effect("says of what went wrong whose fault it was, and why", () =>
    Effect.gen(function* () {
      const {
        gateway: { chat, makeKey, request },
        requestLine
      } = yield* Subject
      const key = yield* makeKey({ limits: { rpm: 2 } })
      const told = (answer: Answer) =>
        Effect.map(requestLine(answer), ({ code, level, reason, route, status }) =>
          [level, route, status, code, reason].join(" ")
        )
      const route = "/v1/chat/completions"
      assert.strictEqual(
        yield* told(yield* chat(key, { model: "sandbox/echo", messages: [] })),
        `info ${route} 400 validation_error invalid_body`
      )
      assert.strictEqual(yield* told(yield* chat("xr-wrong", {})), `info ${route} 401 auth_error invalid_api_key`)
      // Our own credentials are refused: ours to mend, so a warning.
      assert.strictEqual(
        yield* told(yield* chat(key, { model: "openai/gpt-test", messages })),
        `warn ${route} 502 provider_error provider_rejected_credentials`
      )
      yield* chat(key, { model: "sandbox/echo", messages })
      assert.strictEqual(
        yield* told(yield* chat(key, { model: "sandbox/echo", messages })),
        `info ${route} 429 rate_limit_error requests_per_minute`
      )
      assert.strictEqual(
        yield* told(yield* request("/nothing-here?key=x")),
        "info unknown 404 validation_error not_found"
      )
      assert.strictEqual(
        yield* told(yield* request("/v1/models/sandbox/echo")),
        "info /v1/models/* 401 auth_error missing_credentials"
      )
    })
  )

  it.effect("tells of a stream when it has ended", () =>
    Effect.gen(function* () {
      const {
        gateway: { chat, makeKey },
        requestLine
      } = yield* Subject
      const response = yield* chat(yield* makeKey(), { model: "gigachat", messages, stream: true })
      const line = yield* requestLine(response)
      assert.deepInclude(line, { status: 200, stream: true, provider: "gigachat", tokens_completion: 3 })
    })
  )

  it.effect("has the cause of an unexpected fault, of which the answer tells nothing but the id", () =>
    Effect.gen(function* () {
      const { databaseUrl, gateway, lines, requestLine } = yield* Subject
      const key = yield* gateway.makeKey({ name: "broken" })
      // A row that this version cannot read.
      yield* Effect.flatMap(
        SqlClient,
        (sql) => sql`UPDATE api_keys SET limits = ${'{"rpm": "many-of-them"}'}::jsonb WHERE name = 'broken'`
      ).pipe(Effect.provide(PgClient.layer({ url: Redacted.make(databaseUrl), maxConnections: 1 })), Effect.orDie)
      const response = yield* gateway.chat(key, { model: "sandbox/echo", messages })
      assert.strictEqual(response.status, 500)
      const { json, text } = response
      const { error } = json
      const requestId = response.headers.get("x-request-id")
      assert.strictEqual(error.code, "internal_error")
      assert.strictEqual(error.type, "server_error")
      assert.deepStrictEqual(error.details, { reason: "unexpected", request_id: requestId })
      assert.notMatch(text, /many-of-them|Schema|api_keys|rpm|\.ts|node_modules/)
      assert.isNull(response.headers.get("retry-after"))

      assert.deepInclude(yield* requestLine(response), { level: "warn", status: 500, code: "internal_error" })
      const cause = lines().find((line) => line.level === "error" && line["request_id"] === requestId)
      assert.include(String(cause?.["cause"]), "rpm")

      const openai = gateway.openai(key)
      const thrown = yield* Effect.promise(() =>
        openai.models.list().then(
          () => undefined,
          (error: unknown) => error
        )
      )
      assert.instanceOf(thrown, InternalServerError)
      assert.match(thrown.requestID ?? "", /^req_/)
      assert.notInclude(thrown.message, "many-of-them")
      // The gateway has survived it.
      assert.strictEqual((yield* gateway.chat(generateKey("pro"), {})).status, 401)
    })
  )
})
