import { assert, describe, it } from "@effect/vitest"
import { PgClient } from "@effect/sql-pg"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { canary, startCanaryGateway } from "../support/CanaryGateway.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import {
  authorizeUrl,
  callback,
  makeClient,
  makeToken,
  makeUser,
  postForm,
  startOAuthGateway,
  tokenFields,
  use,
  verifier,
  WebBrowser
} from "./OAuthGateway.ts"

const dropDatabase = (url: string) => {
  const name = new URL(url).pathname.slice(1)
  const server = PgClient.layer({ url: Redacted.make(url.replace(name, "postgres")), maxConnections: 1 })
  return Effect.flatMap(SqlClient, (sql) => sql`DROP DATABASE ${sql(name)} WITH (FORCE)`).pipe(
    Effect.provide(server),
    Effect.orDie
  )
}

describe("the authorization server in trouble", () => {
  it.live("says that it is without its database, to each in its own words", () =>
    Effect.gen(function* () {
      const url = yield* Effect.orDie(freshDatabase)
      const gateway = yield* startOAuthGateway({ databaseUrl: Redacted.make(url) })
      const { browser, client, token, user } = yield* makeToken(gateway)
      assert.strictEqual(yield* use(gateway, token), 200)
      yield* dropDatabase(url)
      const form = yield* postForm(gateway, "/token", tokenFields(client, "x"))
      assert.deepStrictEqual([form.status, form.json.error], [503, "temporarily_unavailable"])
      assert.match(form.headers.get("retry-after") ?? "", /^\d+$/)
      assert.strictEqual(form.headers.get("cache-control"), "no-store")
      const page = yield* browser.send(authorizeUrl(client.id))
      assert.deepStrictEqual([page.status, page.headers.get("location")], [503, null])
      assert.include(page.text, "cannot reach its database")
      assert.strictEqual((yield* browser.send("/account")).status, 503)
      const stranger = new WebBrowser(gateway)
      assert.strictEqual((yield* stranger.signIn(user.email)).status, 503)
      // Who was let in a moment ago is let in.
      assert.strictEqual(yield* use(gateway, token), 200)
    }).pipe(Effect.scoped)
  )
})

describe("what the authorization server writes", () => {
  it.live(
    "holds no code, token, password, secret or verifier, whatever was sent to it",
    () =>
      Effect.gen(function* () {
        const { gateway, process } = yield* startCanaryGateway
        const user = yield* makeUser(gateway)
        const client = yield* makeClient(gateway)
        const browser = new WebBrowser(gateway)
        yield* browser.signIn(user.email, "/login", `wrong-${canary}`)
        const back = yield* browser.authorize(authorizeUrl(client.id, { state: canary }), user.email)
        const code = back.searchParams.get("code") ?? ""
        const { json: answer } = yield* postForm(gateway, "/token", tokenFields(client, code))
        const token = String(answer.access_token)
        const asking = { client_id: client.id, client_secret: client.secret, token }
        assert.strictEqual((yield* postForm(gateway, "/introspect", asking)).json.active, true)
        yield* gateway.chat(token, { model: "sandbox/echo", messages: [{ role: "user", content: canary }] })
        yield* postForm(gateway, "/revoke", asking)
        yield* postForm(gateway, "/token", tokenFields(client, code))
        yield* postForm(gateway, "/token", { ...tokenFields(client, code), client_secret: canary, code: canary })
        yield* gateway.request(`/authorize?client_id=${canary}&code=${code}`, { redirect: "manual" })
        yield* gateway.request(`/login?return_to=${canary}`, { headers: { cookie: `sid=${canary}` } })
        yield* browser.post("/login", { csrf: canary, email: canary, password: canary })
        yield* gateway.request("/register", { method: "POST", body: `{"redirect_uris":["${callback}?${canary}"]}` })
        yield* use(gateway, token)
        yield* process.stop
        const written = process.stdout() + process.stderr()
        assert.isAbove(written.split('"message":"request"').length, 15)
        const secrets = [canary, code, token, token.slice(-20), client.secret, verifier, ...browser.cookies.values()]
        for (const secret of secrets) {
          assert.isAbove(secret.length, 7)
          assert.notInclude(written, secret)
        }
        assert.notInclude(written, "eyJ")
      }).pipe(Effect.scoped),
    60_000
  )
})
