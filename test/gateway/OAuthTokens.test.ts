import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { hello } from "../support/Gateway.ts"
import { rawExchange, statusOf } from "../support/RawHttp.ts"
import {
  authorizeUrl,
  callback,
  makeClient,
  makeToken,
  makeUser,
  postForm,
  OAuthGateway,
  tokenFields,
  use,
  WebBrowser
} from "./OAuthGateway.ts"

layer(OAuthGateway.layer(), { excludeTestServices: true })("An access token", (it) => {
  it.effect("has a name for each way in which /v1 refuses a credential (RFC 6750)", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const { token } = yield* makeToken(gateway, { scope: "keys" })
      const metadata = `resource_metadata="${gateway.url}/.well-known/oauth-protected-resource/v1"`
      const ask = (headers: Record<string, string>) => gateway.request("/v1/models", { headers })
      const without = yield* ask({})
      assert.strictEqual(without.status, 401)
      assert.strictEqual(without.headers.get("www-authenticate"), `Bearer realm="xrouter", ${metadata}`)
      const bad = yield* ask({ authorization: `bearer   ${token.slice(0, -2)}` })
      assert.deepStrictEqual([bad.status, bad.json.error.details.reason], [401, "invalid_token"])
      assert.include(bad.headers.get("www-authenticate") ?? "", 'error="invalid_token"')
      const narrow = yield* ask({ authorization: `bearer   ${token}` })
      assert.deepStrictEqual([narrow.status, narrow.json.error.details.reason], [403, "insufficient_scope"])
      assert.include(narrow.headers.get("www-authenticate") ?? "", 'error="insufficient_scope", scope="inference"')
      const { host } = new URL(gateway.url)
      const twice = yield* rawExchange(
        gateway.url,
        `GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${token}\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n\r\n`
      )
      assert.strictEqual(statusOf(twice), 400)
      assert.strictEqual((yield* gateway.request(`/v1/models?access_token=${token}`)).status, 401)
    })
  )

  it.effect("lets an application see to its user's keys, and to nobody else's", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const [one, other, narrow] = [
        yield* makeToken(gateway),
        yield* makeToken(gateway),
        yield* makeToken(gateway, { scope: "inference" })
      ]
      const ask = (token: string, method: string, path = "", body?: object) =>
        gateway.request(`/v1/keys${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) })
        })
      const made = yield* ask(one.token, "POST", "", { name: "from an app", models: ["sandbox/echo"] })
      assert.strictEqual(made.status, 201)
      assert.strictEqual(made.json.tier, "enterprise")
      assert.strictEqual((yield* gateway.chat(made.json.key, hello)).status, 200)
      const listed = yield* ask(one.token, "GET")
      assert.deepStrictEqual([listed.json.data.length, listed.json.data[0].id], [1, made.json.id])
      assert.notProperty(listed.json.data[0], "key")
      assert.deepStrictEqual((yield* ask(other.token, "GET")).json.data, [])
      for (const [method, body] of [
        ["PATCH", { name: "x" }],
        ["DELETE", undefined]
      ] as const) {
        assert.strictEqual((yield* ask(other.token, method, `/${made.json.id}`, body)).status, 404)
      }
      for (const wish of [{ tier: "enterprise" }, { limits: { rpm: 1_000_000 } }]) {
        assert.strictEqual((yield* ask(one.token, "POST", "", { name: "more", ...wish })).status, 400)
      }
      const changed = yield* ask(one.token, "PATCH", `/${made.json.id}`, { name: "renamed", models: null })
      assert.deepInclude(changed.json, { name: "renamed", models: null })
      assert.strictEqual((yield* ask(one.token, "DELETE", `/${made.json.id}`)).status, 204)
      assert.strictEqual((yield* gateway.chat(made.json.key, hello)).json.error.details.reason, "key_revoked")
      for (const token of [narrow.token, yield* gateway.makeKey()]) {
        const refused = yield* ask(token, "GET")
        assert.deepStrictEqual([refused.status, refused.json.error.details.scope], [403, "keys"])
      }
      assert.strictEqual((yield* ask("", "GET")).status, 401)
    })
  )

  it.effect("has clients that administrators see to", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const made = yield* gateway.admin("POST", "/clients", {
        name: "SPA",
        redirect_uris: [callback],
        confidential: false
      })
      assert.strictEqual(made.status, 201)
      assert.notProperty(made.json, "client_secret")
      assert.deepInclude(made.json, { name: "SPA", confidential: false, scopes: ["inference"], dynamic: false })
      const path = `/clients/${made.json.client_id}`
      assert.deepStrictEqual((yield* gateway.admin("GET", path)).json, made.json)
      assert.strictEqual((yield* gateway.admin("PATCH", path, { name: "New" })).json.name, "New")
      const listed = yield* gateway.admin("GET", "/clients?limit=100")
      assert.include(listed.text, made.json.client_id)
      const bad = yield* gateway.admin("POST", "/clients", { name: "x", redirect_uris: ["http://public.example/"] })
      assert.deepStrictEqual([bad.status, bad.json.error.param], [400, "redirect_uris"])
      assert.strictEqual((yield* gateway.admin("POST", "/clients", { name: "x", redirect_uri: callback })).status, 400)
      assert.strictEqual((yield* gateway.admin("DELETE", path)).status, 204)
      assert.strictEqual((yield* gateway.admin("GET", path)).status, 404)
      assert.strictEqual((yield* gateway.request("/admin/v1/clients")).status, 401)
    })
  )

  it.effect("counts all tokens of a user together, and apart from the user's keys", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const user = yield* makeUser(gateway)
      yield* gateway.admin("PATCH", `/users/${user.id}`, { tier: "free" })
      const remaining: Array<string | null> = []
      for (let count = 0; count < 2; count++) {
        const client = yield* makeClient(gateway)
        const back = yield* new WebBrowser(gateway).authorize(authorizeUrl(client.id), user.email)
        const code = back.searchParams.get("code") ?? ""
        const { json: answer } = yield* postForm(gateway, "/token", tokenFields(client, code))
        const { headers } = yield* gateway.chat(answer.access_token, hello)
        remaining.push(headers.get("x-ratelimit-remaining-requests"))
      }
      assert.deepStrictEqual(remaining, ["19", "18"])
    })
  )

  it.effect("takes back what a user has allowed when the password is changed", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const { browser, token, user } = yield* makeToken(gateway)
      assert.strictEqual(yield* use(gateway, token), 200)
      yield* gateway.admin("PATCH", `/users/${user.id}`, { password: "another password" })
      assert.strictEqual(yield* use(gateway, token), "token_revoked")
      assert.strictEqual((yield* browser.send("/account")).status, 303)
    })
  )
})
