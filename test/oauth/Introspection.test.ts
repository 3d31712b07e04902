import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { decodeJwt } from "jose"
import { generateKey } from "../../src/auth/ApiKey.ts"
import { AccessTokenKeys } from "../../src/auth/AccessTokenKeys.ts"
import { AccessTokens } from "../../src/auth/AccessTokens.ts"
import { Grants } from "../../src/oauth/Grants.ts"
import { Introspection } from "../../src/oauth/Introspection.ts"
import { OAuthError } from "../../src/oauth/OAuthError.ts"
import { TokenRevocation } from "../../src/oauth/TokenRevocation.ts"
import { TokenRequests } from "../../src/oauth/TokenRequests.ts"
import { Redacted } from "effect"
import { exchanging, oauthEngines, parameters, type query, someClient, someCode, someToken } from "./authorizing.ts"

type SomeClient = Effect.Success<ReturnType<typeof someClient>>

const sent = (client: SomeClient, changes: Parameters<typeof query>[0]) => ({
  authorization: undefined,
  address: "192.0.2.1",
  parameters: parameters({ client_id: client.client.id, client_secret: client.secret, ...changes })
})

const introspect = (client: SomeClient, changes: Parameters<typeof query>[0]) =>
  Effect.flatMap(Introspection, (service) => service.introspect(sent(client, changes)))

const revoke = (client: SomeClient, changes: Parameters<typeof query>[0]) =>
  Effect.flatMap(TokenRevocation, (service) => service.revoke(sent(client, changes)))

const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => (error instanceof OAuthError ? error.error : assert.fail(String(error))))

const standing = (token: string) =>
  Effect.flatMap(AccessTokens, (tokens) =>
    Effect.match(tokens.authenticate(token), { onSuccess: () => "good", onFailure: ({ reason }) => reason })
  )

for (const [engine, oauth] of oauthEngines) {
  layer(oauth)(`Introspection on ${engine}`, (it) => {
    it.effect("tells any confidential client what a token is good for", () =>
      Effect.gen(function* () {
        const { client, session, token } = yield* someToken({ scope: "keys" })
        const service = yield* someClient()
        const claims = yield* introspect(service, { token, token_type_hint: "access_token" })
        assert.deepInclude(claims, {
          tokenId: decodeJwt(token).jti ?? "",
          userId: session.userId,
          clientId: client.client.id,
          scopes: ["keys"]
        })
      })
    )

    it.effect("tells nothing of whatever is no living token", () =>
      Effect.gen(function* () {
        const service = yield* someClient()
        const [byToken, byGrant] = [yield* someToken(), yield* someToken()]
        yield* (yield* Grants).revokeToken({ id: decodeJwt(byToken.token).jti ?? "" })
        yield* (yield* Grants).revokeWhere({ userId: byGrant.session.userId })
        const foreign = yield* (yield* AccessTokenKeys).sign({
          ...decodeJwt(byToken.token),
          aud: "https://other.example"
        })
        for (const token of [
          byToken.token,
          byGrant.token,
          Redacted.value(foreign),
          generateKey("free"),
          byToken.code,
          "garbage",
          "a.b.c",
          "\0"
        ]) {
          assert.isUndefined(yield* introspect(service, { token }))
        }
        const old = yield* someToken()
        yield* TestClock.adjust("366 days")
        assert.isUndefined(yield* introspect(service, { token: old.token }))
      })
    )

    it.effect("is for clients that prove who they are", () =>
      Effect.gen(function* () {
        const { client, token } = yield* someToken()
        const open = yield* someClient({ confidential: false })
        assert.strictEqual(yield* refusal(introspect(open, { token })), "invalid_client")
        assert.strictEqual(yield* refusal(introspect(client, { token, client_secret: "x" })), "invalid_client")
        assert.strictEqual(yield* refusal(introspect(client, { token, client_secret: undefined })), "invalid_client")
        assert.strictEqual(yield* refusal(introspect(client, {})), "invalid_request")
        assert.strictEqual(yield* refusal(introspect(client, { token: [token, token] })), "invalid_request")
      })
    )
  })

  layer(oauth)(`Revocation on ${engine}`, (it) => {
    it.effect("ends a token of the client, and succeeds again", () =>
      Effect.gen(function* () {
        const { client, token } = yield* someToken()
        assert.strictEqual(yield* standing(token), "good")
        yield* revoke(client, { token, token_type_hint: "refresh_token" })
        assert.strictEqual(yield* standing(token), "token_revoked")
        yield* revoke(client, { token })
      })
    )

    it.effect("of another client's token succeeds and changes nothing", () =>
      Effect.gen(function* () {
        const { token } = yield* someToken()
        yield* revoke(yield* someClient(), { token })
        assert.strictEqual(yield* standing(token), "good")
      })
    )

    it.effect("succeeds with whatever is no token", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        for (const token of ["garbage", "a.b.c", generateKey("free"), "\0", "x".repeat(20_000)]) {
          yield* revoke(client, { token })
        }
        const old = yield* someToken()
        yield* TestClock.adjust("366 days")
        yield* revoke(old.client, { token: old.token })
      })
    )

    it.effect("needs no more than its id of a client that has no secret", () =>
      Effect.gen(function* () {
        const client = yield* someClient({ confidential: false })
        const { code } = yield* someCode(client.client.id)
        const answer = yield* (yield* TokenRequests).exchange(exchanging(client, code))
        const token = Redacted.value(answer.token)
        yield* revoke(client, { token })
        assert.strictEqual(yield* standing(token), "token_revoked")
      })
    )

    it.effect("without a token, or by nobody, is refused", () =>
      Effect.gen(function* () {
        const { client, token } = yield* someToken()
        assert.strictEqual(yield* refusal(revoke(client, {})), "invalid_request")
        assert.strictEqual(yield* refusal(revoke(client, { token: [token, "x"] })), "invalid_request")
        assert.strictEqual(yield* refusal(revoke(client, { token, client_secret: "x" })), "invalid_client")
        assert.strictEqual(yield* refusal(revoke(client, { token, client_id: undefined })), "invalid_client")
        assert.strictEqual(yield* standing(token), "good")
      })
    )
  })
}
