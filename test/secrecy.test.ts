import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { generateKey } from "../src/auth/ApiKey.ts"
import { canary, startCanaryGateway } from "./support/CanaryGateway.ts"

const messages = [{ role: "user", content: `A prompt with ${canary} in it` }]

describe("what a running gateway writes", () => {
  it.live(
    "holds no secret and no prompt, whatever was sent to it and by whom",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, gateway, gigachat, openai, process } = yield* startCanaryGateway
        const { admin, chat, makeKey, request } = gateway
        const secret = `xr-pro-${canary}`
        const key = yield* makeKey()
        const bearer = `Bearer ${key}`
        for (const model of ["sandbox/echo", "sandbox/story", "gigachat", "openai/gpt-test", "nobody/none"]) {
          yield* chat(key, { model, messages })
          yield* chat(key, { model, messages, stream: true })
        }
        yield* chat(key, `{"model": "${canary}`)
        yield* chat(key, { model: "sandbox/echo", messages: canary, tools: [canary] })
        yield* chat(key, { model: "sandbox/echo", messages: [{ role: canary, content: canary }] })
        for (const authorization of [
          `Bearer ${secret}`,
          `Basic ${canary}`,
          canary,
          `Bearer ${canary}.${canary}.${canary}`
        ]) {
          yield* request("/v1/chat/completions", { method: "POST", headers: { authorization }, body: canary })
          yield* request("/admin/v1/users", { headers: { authorization } })
          yield* request("/metrics", { headers: { authorization } })
        }
        yield* request(`/v1/models/${secret}`, { headers: { authorization: bearer } })
        yield* request(`/v1/models?api_key=${secret}`, { headers: { authorization: bearer } })
        yield* request(`/${secret}?token=${secret}`, { headers: { cookie: `session=${canary}`, "x-api-key": canary } })
        yield* admin("POST", "/users", { email: `${canary}@example.org`, password: `password-${canary}` })
        yield* admin("POST", "/users", { email: "x", password: canary })
        yield* admin("POST", "/users", `{"password": "${canary}`)
        gigachat.expireTokens()
        yield* chat(key, { model: "gigachat", messages })
        // Without its database it tells why it cannot serve, and not by which password it has tried.
        const name = new URL(databaseUrl).pathname.slice(1)
        yield* Effect.flatMap(SqlClient, (sql) => sql`DROP DATABASE ${sql(name)} WITH (FORCE)`).pipe(
          Effect.provide(
            PgClient.layer({ url: Redacted.make(databaseUrl.replace(name, "postgres")), maxConnections: 1 })
          ),
          Effect.orDie
        )
        const lost = yield* chat(generateKey("pro"), { model: "sandbox/echo", messages })
        assert.strictEqual(lost.status, 503)
        yield* process.stop

        const written = process.stdout() + process.stderr()
        const secrets = [
          canary,
          Buffer.from(canary).toString("base64").slice(0, 8),
          key,
          key.slice(-20),
          Redacted.value(gigachat.credentials),
          ...[...gigachat.requests, ...openai.requests].map(({ headers }) =>
            (headers.authorization ?? "").replace(/^\w+ /, "")
          )
        ]
        for (const text of secrets.filter((text) => text !== "")) assert.notInclude(written, text)
        assert.strictEqual(process.stderr(), "")
        assert.isAbove(written.split('"message":"request"').length, 30)
        assert.isAbove(openai.requests.length, 1)
      }).pipe(Effect.scoped),
    60_000
  )
})
