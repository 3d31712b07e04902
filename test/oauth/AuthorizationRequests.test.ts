import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { RefusedOnPage, RefusedToClient } from "../../src/oauth/AuthorizationRequest.ts"
import { AuthorizationRequests } from "../../src/oauth/AuthorizationRequests.ts"
import { Clients } from "../../src/oauth/Clients.ts"
import { requestParameters } from "../../src/oauth/RequestParameters.ts"
import { layerPGlite, migrated } from "../support/TestDatabase.ts"
import {
  asking,
  callback,
  challengeOf,
  issuer,
  layerOAuth,
  parameters,
  query,
  someClient,
  verifier
} from "./authorizing.ts"

const read = (changes: Parameters<typeof query>[0]) =>
  Effect.gen(function* () {
    const { client } = yield* someClient()
    return yield* (yield* AuthorizationRequests).read(parameters(asking(client.id, changes)))
  })

const onPage = (changes: Parameters<typeof query>[0]) =>
  Effect.map(Effect.flip(read(changes)), (error) =>
    error instanceof RefusedOnPage ? error.reason : assert.fail(String(error))
  )

const toClient = (changes: Parameters<typeof query>[0]) =>
  Effect.map(Effect.flip(read(changes)), (error) =>
    error instanceof RefusedToClient ? error : assert.fail(String(error))
  )

layer(layerOAuth(migrated(layerPGlite)))("an authorization request", (it) => {
  it.effect("that is in order is read", () =>
    Effect.gen(function* () {
      const { client } = yield* someClient()
      const sent = asking(client.id, {
        scope: "keys inference",
        state: "x y",
        resource: [`${issuer}/v1`, `${issuer}/`]
      })
      assert.deepStrictEqual(yield* (yield* AuthorizationRequests).read(parameters(sent)), {
        client,
        redirectUri: callback,
        state: "x%20y",
        codeChallenge: challengeOf(verifier),
        scopes: ["inference", "keys"],
        resources: [`${issuer}/v1`, issuer],
        prompt: undefined
      })
    })
  )

  it.effect("without scope and resource asks for inference at /v1", () =>
    Effect.gen(function* () {
      const { resources, scopes, state } = yield* read({})
      assert.deepStrictEqual([scopes, resources, state], [["inference"], [`${issuer}/v1`], undefined])
    })
  )

  it.effect("without scope of a client that may not have inference asks for what it may have", () =>
    Effect.gen(function* () {
      const { client } = yield* someClient({ scopes: ["keys"] })
      const request = yield* (yield* AuthorizationRequests).read(parameters(asking(client.id)))
      assert.deepStrictEqual(request.scopes, ["keys"])
    })
  )

  const pages: ReadonlyArray<readonly [what: string, changes: Parameters<typeof query>[0], reason: string]> = [
    ["an unknown client", { client_id: "client_01arz3ndektsv4rrffq69g5fav" }, "unknown_client"],
    ["no client", { client_id: undefined }, "unknown_client"],
    ["a client's id that cannot be one", { client_id: "'; DROP TABLE users; --\0" }, "unknown_client"],
    ["two clients", { client_id: ["a", "a"] }, "repeated_parameter"],
    ["no redirect URI", { redirect_uri: undefined }, "redirect_uri_missing"],
    ["an empty redirect URI", { redirect_uri: "" }, "redirect_uri_missing"],
    ["another redirect URI", { redirect_uri: `${callback}/x` }, "redirect_uri_unknown"],
    ["two redirect URIs", { redirect_uri: [callback, "https://evil.example"] }, "repeated_parameter"],
    ["the same redirect URI twice", { redirect_uri: [callback, callback] }, "repeated_parameter"]
  ]
  for (const [what, changes, reason] of pages) {
    it.effect(`with ${what} is refused on a page, whatever else it says`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* onPage(changes), reason)
        assert.strictEqual(yield* onPage({ ...changes, response_type: "token", scope: ["a", "b"] }), reason)
      })
    )
  }

  it.effect("of a client that was removed is refused on a page", () =>
    Effect.gen(function* () {
      const { client } = yield* someClient()
      yield* (yield* Clients).remove(client.id)
      const error = yield* Effect.flip((yield* AuthorizationRequests).read(parameters(asking(client.id))))
      assert.deepInclude(error, { _tag: "RefusedOnPage", reason: "unknown_client" })
    })
  )

  const refusals: ReadonlyArray<readonly [what: string, changes: Parameters<typeof query>[0], error: string]> = [
    ["response_type token", { response_type: "token" }, "unsupported_response_type"],
    ["response_type code token", { response_type: "code token" }, "unsupported_response_type"],
    ["response_type id_token", { response_type: "id_token" }, "unsupported_response_type"],
    ["no response_type", { response_type: undefined }, "invalid_request"],
    ["response_mode fragment", { response_mode: "fragment" }, "invalid_request"],
    ["response_mode form_post", { response_mode: "form_post" }, "invalid_request"],
    ["no challenge", { code_challenge: undefined, code_challenge_method: undefined }, "invalid_request"],
    ["the method plain", { code_challenge_method: "plain" }, "invalid_request"],
    ["no method, which would be plain", { code_challenge_method: undefined }, "invalid_request"],
    ["another method", { code_challenge_method: "S512" }, "invalid_request"],
    ["the method in lower case", { code_challenge_method: "s256" }, "invalid_request"],
    ["a challenge of 42 characters", { code_challenge: "a".repeat(42) }, "invalid_request"],
    ["a challenge of 44 characters", { code_challenge: `${challengeOf(verifier)}A` }, "invalid_request"],
    ["a padded challenge", { code_challenge: `${challengeOf(verifier)}=` }, "invalid_request"],
    ["a challenge in the other alphabet", { code_challenge: `+/${challengeOf(verifier).slice(2)}` }, "invalid_request"],
    ["two scopes", { scope: ["inference", "keys"] }, "invalid_request"],
    ["two states", { state: ["a", "b"] }, "invalid_request"],
    ["two challenges", { code_challenge: [challengeOf("a"), challengeOf("b")] }, "invalid_request"],
    ["an unknown parameter twice", { unknown: ["a", "b"] }, "invalid_request"],
    ["an unknown scope", { scope: "admin" }, "invalid_scope"],
    ["an unknown scope beside a known one", { scope: "inference admin" }, "invalid_scope"],
    ["scopes between two blanks", { scope: "inference  keys" }, "invalid_scope"],
    ["a resource that is not ours", { resource: "https://other.example/v1" }, "invalid_target"],
    ["one resource of two that is not ours", { resource: [`${issuer}/v1`, "https://other.example"] }, "invalid_target"],
    ["a resource with a fragment", { resource: `${issuer}/v1#x` }, "invalid_target"],
    ["a relative resource", { resource: "/v1" }, "invalid_target"],
    ["a resource that begins like ours", { resource: `${issuer}.evil.example` }, "invalid_target"],
    ["an unknown prompt", { prompt: "create" }, "invalid_request"],
    ["prompt none beside another", { prompt: "none login" }, "invalid_request"],
    ["a request object", { request: "eyJ" }, "request_not_supported"],
    ["a request_uri", { request_uri: "https://app.example/r" }, "request_uri_not_supported"]
  ]
  for (const [what, changes, error] of refusals) {
    it.effect(`with ${what} is refused to the client: ${error}`, () =>
      Effect.gen(function* () {
        const refused = yield* toClient({ state: "s", ...changes })
        assert.strictEqual(refused.error, error)
        assert.strictEqual(refused.redirectUri, callback)
        assert.strictEqual(refused.state, Array.isArray(changes["state"]) ? "a" : "s")
        assert.match(refused.description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
      })
    )
  }

  it.effect("for a scope that the client may not have is refused", () =>
    Effect.gen(function* () {
      const { client } = yield* someClient({ scopes: ["inference"] })
      const error = yield* Effect.flip(
        (yield* AuthorizationRequests).read(parameters(asking(client.id, { scope: "inference keys" })))
      )
      assert.deepInclude(error, { _tag: "RefusedToClient", error: "invalid_scope" })
    })
  )

  it.effect("of a public client needs its challenge as well", () =>
    Effect.gen(function* () {
      const { client } = yield* someClient({ confidential: false })
      const error = yield* Effect.flip(
        (yield* AuthorizationRequests).read(parameters(asking(client.id, { code_challenge: undefined })))
      )
      assert.deepInclude(error, { _tag: "RefusedToClient", error: "invalid_request" })
    })
  )

  it.effect("of a loopback client keeps the port that it came with", () =>
    Effect.gen(function* () {
      const { client } = yield* someClient({ redirectUris: ["http://127.0.0.1/cb"] })
      const redirect_uri = "http://127.0.0.1:51004/cb"
      const request = yield* (yield* AuthorizationRequests).read(parameters(asking(client.id, { redirect_uri })))
      assert.strictEqual(request.redirectUri, redirect_uri)
    })
  )

  for (const state of ["%25", "a+b", "%D1%8F", "%7B%22a%22%3A%5B1%5D%7D", "%FF", "a%2526b", "x".repeat(2048)]) {
    it.effect(`has its state back as it was sent: ${state.slice(0, 20)}`, () =>
      Effect.gen(function* () {
        const { client } = yield* someClient()
        const text = `${query(asking(client.id))}&state=${state}`
        assert.strictEqual((yield* (yield* AuthorizationRequests).read(requestParameters(text))).state, state)
      })
    )
  }
})
