import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { generateKey } from "../src/auth/ApiKey.ts"
import { canary, startCanaryGateway } from "./support/CanaryGateway.ts"
import type { Answer, TestGateway } from "./support/Gateway.ts"
import { dataUrl, imagePart, png } from "./support/Images.ts"
import { json } from "./support/ScriptedUpstream.ts"

const messages = [{ role: "user", content: `A prompt with ${canary} in it` }]

const picture = dataUrl(Buffer.concat([png(), Buffer.from(canary.repeat(3))]))
const images = [
  picture,
  picture.replace("image/png", "image/webp"),
  picture.replace("image/png", "image/bmp"),
  `https://${canary}.example/${canary}.png`
]

describe("what a running gateway writes", () => {
  it.live(
    "holds no secret and no prompt, whatever was sent to it and by whom",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, gateway, gigachat, openai, process } = yield* startCanaryGateway
        const { makeKey } = gateway
        const refusals: Array<string> = []
        /** An error tells nothing of what it refuses. */
        const heard = (asked: Effect.Effect<Answer>) =>
          Effect.tap(asked, ({ status, text }) => Effect.sync(() => status >= 400 && refusals.push(text)))
        const admin: TestGateway["admin"] = (...asked) => heard(gateway.admin(...asked))
        const chat: TestGateway["chat"] = (...asked) => heard(gateway.chat(...asked))
        const request: TestGateway["request"] = (...asked) => heard(gateway.request(...asked))
        const secret = `xr-pro-${canary}`
        const key = yield* makeKey()
        const bearer = `Bearer ${key}`
        for (const model of ["sandbox/echo", "sandbox/story", "gigachat", "openai/gpt-test", "nobody/none"]) {
          yield* chat(key, { model, messages })
          yield* chat(key, { model, messages, stream: true })
        }
        for (const url of images) {
          gigachat.nextDelete(json(500, { status: 500, message: "Internal Server Error" }))
          const content = [{ type: "text", text: canary }, imagePart(url)]
          yield* chat(key, { model: "gigachat/GigaChat-2-Max", messages: [{ role: "user", content }] })
        }
        assert.lengthOf(gigachat.uploaded, 1)
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
        const metrics = yield* request("/metrics", { headers: { authorization: `Bearer metrics-${canary}` } })
        assert.include(metrics.text, "xrouter_requests_total")
        assert.notInclude(metrics.text, canary)
        assert.isAbove(refusals.length, 20)
        // But for the name of a model, which its caller hears again as from OpenAI's API.
        assert.deepStrictEqual(
          refusals.filter((text) => text.replace(`The model \`${secret}\` does`, "").includes(canary)),
          []
        )
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
