import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import {
  authorizeUrl,
  makeClient,
  makeUser,
  OAuthGateway,
  postForm,
  tokenFields,
  use,
  WebBrowser
} from "./OAuthGateway.ts"

layer(OAuthGateway.layer(), { excludeTestServices: true })("The OpenAPI document", (it) => {
  it.effect("declares both ways in, the key and OAuth's authorization code with its scopes", () =>
    Effect.gen(function* () {
      const { components, paths } = (yield* (yield* OAuthGateway).request("/openapi.json")).json
      const { bearer, oauth2, token } = components.securitySchemes
      assert.deepInclude(bearer, { type: "http", scheme: "Bearer" })
      assert.isUndefined(token)
      assert.deepInclude(oauth2, {
        type: "oauth2",
        flows: {
          authorizationCode: {
            authorizationUrl: "/authorize",
            tokenUrl: "/token",
            scopes: { inference: "Call language models", keys: "See, create and revoke the user's API keys" },
            "x-usePkce": "SHA-256"
          }
        }
      })
      assert.deepStrictEqual(paths["/v1/chat/completions"].post.security, [{ bearer: [] }, { oauth2: ["inference"] }])
      assert.deepStrictEqual(paths["/v1/models"].get.security, [{ bearer: [] }, { oauth2: ["inference"] }])
      assert.deepStrictEqual(paths["/v1/keys"].get.security, [{ oauth2: ["keys"] }])
      assert.deepStrictEqual(paths["/admin/v1/users"].get.security, [{ adminKey: [] }])
      // Each that is named is there, and no other scope is asked for.
      for (const operations of Object.values<Record<string, { security?: Array<Record<string, Array<string>>> }>>(
        paths
      )) {
        for (const { security = [] } of Object.values(operations)) {
          for (const [name, scopes] of security.flatMap(Object.entries<Array<string>>)) {
            assert.property(components.securitySchemes, name)
            for (const scope of scopes) assert.property(oauth2.flows.authorizationCode.scopes, scope)
          }
        }
      }
    })
  )

  it.effect("says it to /docs too, which signs in with what it says and with its own address as the callback", () =>
    Effect.gen(function* () {
      const gateway = yield* OAuthGateway
      const page = yield* gateway.request("/docs")
      assert.strictEqual(page.status, 200)
      assert.include(page.text, "authorizationCode")
      const { flows } = (yield* gateway.request("/openapi.json")).json.components.securitySchemes.oauth2
      const callback = `${gateway.url}/docs`
      const client = yield* makeClient(gateway, { redirect_uris: [callback], confidential: false })
      const user = yield* makeUser(gateway)
      const { search } = new URL(authorizeUrl(client.id, { redirect_uri: callback }), gateway.url)
      const back = yield* new WebBrowser(gateway).authorize(
        flows.authorizationCode.authorizationUrl + search,
        user.email
      )
      assert.strictEqual(back.origin + back.pathname, callback)
      const fields = { ...tokenFields(client, back.searchParams.get("code") ?? ""), redirect_uri: callback }
      const { json } = yield* postForm(gateway, flows.authorizationCode.tokenUrl, fields)
      assert.strictEqual(yield* use(gateway, json.access_token), 200)
    })
  )
})
