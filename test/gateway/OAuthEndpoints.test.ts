import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { callback, makeClient, makeCode, makeToken, postForm, OAuthGateway, tokenFields, use } from "./OAuthGateway.ts"

const json = (body: unknown, bearer?: string): RequestInit => ({
  method: "POST",
  headers: {
    "content-type": "application/json",
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` })
  },
  body: typeof body === "string" ? body : JSON.stringify(body)
})

layer(OAuthGateway.layer(), { excludeTestServices: true })("The authorization server for machines", (it) => {
  it.effect("publishes its metadata, for an hour and for every origin", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const answer = yield* gateway.request("/.well-known/oauth-authorization-server", {
        headers: { origin: "https://spa.example" }
      })
      assert.strictEqual(answer.json.issuer, gateway.url)
      assert.strictEqual(answer.headers.get("content-type"), "application/json")
      assert.strictEqual(answer.headers.get("cache-control"), "public, max-age=3600")
      assert.strictEqual(answer.headers.get("access-control-allow-origin"), "*")
      for (const [path, resource] of [
        ["", gateway.url],
        ["/v1", `${gateway.url}/v1`]
      ] as const) {
        const told = yield* gateway.request(`/.well-known/oauth-protected-resource${path}`)
        assert.deepInclude(told.json, { resource, authorization_servers: [gateway.url] })
      }
    })
  )

  for (const path of [
    "/.well-known/openid-configuration",
    "/.well-known/nope",
    "/.well-known/oauth-authorization-server/v1",
    "/v1/.well-known/oauth-authorization-server"
  ]) {
    it.effect(`has nothing but a 404 in JSON at ${path}`, () =>
      Effect.gen(function* () {
        const answer = yield* (yield* OAuthGateway).request(path)
        assert.deepStrictEqual([answer.status, answer.json.error.details.reason], [404, "not_found"])
      })
    )
  }

  for (const path of ["/token", "/revoke", "/introspect", "/register"]) {
    it.effect(`lets any origin call ${path}, without credentials`, () =>
      Effect.gen(function* () {
        const answer = yield* (yield* OAuthGateway).request(path, {
          method: "OPTIONS",
          headers: {
            origin: "https://spa.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization, content-type, mcp-protocol-version"
          }
        })
        assert.strictEqual(answer.status, 204)
        assert.strictEqual(answer.headers.get("access-control-allow-origin"), "*")
        assert.isNull(answer.headers.get("access-control-allow-credentials"))
        assert.include(answer.headers.get("access-control-allow-headers") ?? "", "mcp-protocol-version")
      })
    )

    it.effect(`answers GET ${path} with 405`, () =>
      Effect.gen(function* () {
        const answer = yield* (yield* OAuthGateway).request(path)
        assert.strictEqual(answer.status, 405)
        assert.include(answer.headers.get("allow") ?? "", "POST")
      })
    )

    it.effect(`keeps no answer of ${path}, good or bad`, () =>
      Effect.gen(function* () {
        const answer = yield* postForm(yield* OAuthGateway, path, {})
        assert.isAtLeast(answer.status, 400)
        assert.strictEqual(answer.headers.get("cache-control"), "no-store")
        assert.isString(answer.json.error)
        assert.isUndefined(answer.json.access_token)
      })
    )
  }

  for (const path of ["/authorize", "/login", "/account", "/logout"]) {
    it.effect(`tells no other origin anything of ${path}`, () =>
      Effect.gen(function* () {
        const gateway = yield* OAuthGateway
        const headers = { origin: "https://spa.example", "access-control-request-method": "GET" }
        for (const method of ["OPTIONS", "GET"]) {
          const answer = yield* gateway.request(path, { method, headers, redirect: "manual" })
          assert.isNull(answer.headers.get("access-control-allow-origin"))
        }
      })
    )
  }

  it.effect("gives a token in the words of RFC 6749", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const client = yield* makeClient(gateway)
      const { code } = yield* makeCode(gateway, client.id, { scope: "keys" })
      const answer = yield* postForm(gateway, "/token", tokenFields(client, code))
      assert.deepStrictEqual(Object.keys(answer.json), ["access_token", "token_type", "expires_in", "scope"])
      assert.deepInclude(answer.json, { token_type: "Bearer", expires_in: 31_536_000, scope: "keys" })
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      assert.strictEqual(answer.headers.get("content-type"), "application/json")
    })
  )

  it.effect("takes forms and nothing else at the token endpoint", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const client = yield* makeClient(gateway)
      const answer = yield* gateway.request("/token", json(tokenFields(client, "x")))
      assert.deepStrictEqual([answer.status, answer.json.error], [400, "invalid_request"])
      const large = yield* postForm(gateway, "/token", { code: "x".repeat(70_000) })
      assert.strictEqual(large.status, 413)
    })
  )

  it.effect("challenges a client that has failed with the header, and answers 401 to one that has with the body", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const client = yield* makeClient(gateway)
      const { client_id, client_secret, ...fields } = tokenFields(client, "x")
      const authorization = `Basic ${Buffer.from(`${client_id}:${client_secret}0`).toString("base64")}`
      const byHeader = yield* postForm(gateway, "/token", fields, { authorization })
      assert.deepStrictEqual([byHeader.status, byHeader.json.error], [401, "invalid_client"])
      assert.strictEqual(byHeader.headers.get("www-authenticate"), 'Basic realm="xrouter"')
      const byBody = yield* postForm(gateway, "/token", { ...tokenFields(client, "x"), client_secret: "x" })
      assert.deepStrictEqual([byBody.status, byBody.json.error], [401, "invalid_client"])
    })
  )

  it.effect("makes a client wait that guesses", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const client = yield* makeClient(gateway)
      const guess = postForm(gateway, "/token", { ...tokenFields(client, "x"), client_secret: "guess" })
      let answer = yield* guess
      for (let count = 0; count < 25 && answer.status === 401; count++) answer = yield* guess
      assert.deepStrictEqual([answer.status, answer.json.error], [429, "slow_down"])
      assert.match(answer.headers.get("retry-after") ?? "", /^[1-9]\d*$/)
    })
  )

  it.effect("introspects, and says nothing of what is no token", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const { client, token, user } = yield* makeToken(gateway)
      const asking = { client_id: client.id, client_secret: client.secret }
      const told = yield* postForm(gateway, "/introspect", { ...asking, token })
      assert.deepInclude(told.json, {
        active: true,
        scope: "inference keys",
        client_id: client.id,
        sub: user.id,
        iss: gateway.url,
        aud: `${gateway.url}/v1`,
        token_type: "Bearer"
      })
      const nothing = yield* postForm(gateway, "/introspect", { ...asking, token: "x" })
      assert.deepStrictEqual([nothing.status, nothing.text], [200, '{"active":false}'])
      assert.strictEqual(nothing.headers.get("cache-control"), "no-store")
      assert.strictEqual((yield* postForm(gateway, "/introspect", { token })).status, 401)
    })
  )

  it.effect("revokes with an empty answer, whatever it is given", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const { client, token } = yield* makeToken(gateway)
      const asking = { client_id: client.id, client_secret: client.secret }
      for (const given of ["x", token, token]) {
        const answer = yield* postForm(gateway, "/revoke", { ...asking, token: given })
        assert.deepStrictEqual([answer.status, answer.text], [200, ""])
      }
      assert.strictEqual(yield* use(gateway, token), "token_revoked")
      assert.strictEqual((yield* postForm(gateway, "/revoke", asking)).json.error, "invalid_request")
    })
  )

  it.effect("registers a client, and lets it look after itself", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const metadata = {
        redirect_uris: [callback],
        client_name: "An app",
        scope: "inference keys",
        logo_uri: "http://x/"
      }
      const { headers, json: made, status } = yield* gateway.request("/register", json(metadata))
      assert.strictEqual(status, 201)
      assert.strictEqual(headers.get("cache-control"), "no-store")
      assert.deepInclude(made, {
        client_secret_expires_at: 0,
        client_name: "An app",
        redirect_uris: [callback],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        token_endpoint_auth_method: "client_secret_basic",
        scope: "inference keys",
        registration_client_uri: `${gateway.url}/register/${made.client_id}`
      })
      assert.notProperty(made, "logo_uri")
      const path = `/register/${made.client_id}`
      const bearer = { authorization: `Bearer ${made.registration_access_token}` }
      assert.strictEqual((yield* gateway.request(path, { headers: bearer })).json.client_id, made.client_id)
      const wrong = yield* gateway.request(path, { headers: { authorization: "Bearer x" } })
      assert.deepStrictEqual([wrong.status, wrong.json.error], [401, "invalid_token"])
      assert.include(wrong.headers.get("www-authenticate") ?? "", 'error="invalid_token"')
      const put = yield* gateway.request(path, {
        ...json({ ...metadata, client_name: "New" }, made.registration_access_token),
        method: "PUT"
      })
      assert.deepStrictEqual([put.status, put.json.client_name], [200, "New"])
      const remove = (token: string) =>
        gateway.request(path, { method: "DELETE", headers: { authorization: `Bearer ${token}` } })
      assert.strictEqual((yield* remove(made.registration_access_token)).status, 401)
      assert.strictEqual((yield* remove(put.json.registration_access_token)).status, 204)
      assert.strictEqual((yield* gateway.request(path, { headers: bearer })).status, 401)
    })
  )

  it.effect("refuses metadata that it cannot read", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      for (const [body, error] of [
        ["not json", "invalid_client_metadata"],
        ["[]", "invalid_redirect_uri"],
        [{ redirect_uris: ["javascript:alert(1)"] }, "invalid_redirect_uri"],
        [{ redirect_uris: [callback], client_name: "a\u202eb" }, "invalid_client_metadata"]
      ] as const) {
        const answer = yield* gateway.request("/register", json(body))
        assert.deepStrictEqual([answer.status, answer.json.error], [400, error])
      }
    })
  )
})

layer(OAuthGateway.layer({ clientRegistration: "closed" }), { excludeTestServices: true })(
  "Registration that is closed",
  (it) => {
    it.effect("is not in the metadata, and refuses", () =>
      Effect.gen(function* () {
        const gateway = yield* OAuthGateway
        const { json: metadata } = yield* gateway.request("/.well-known/oauth-authorization-server")
        assert.notProperty(metadata, "registration_endpoint")
        for (const body of [{ redirect_uris: [callback] }, "not json"]) {
          const answer = yield* gateway.request("/register", json(body))
          assert.deepStrictEqual([answer.status, answer.json.error], [403, "access_denied"])
        }
      })
    )
  }
)
