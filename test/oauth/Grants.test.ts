import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { decodeJwt } from "jose"
import { AccessTokens } from "../../src/auth/AccessTokens.ts"
import { Clients } from "../../src/oauth/Clients.ts"
import { Grants } from "../../src/oauth/Grants.ts"
import { Sessions } from "../../src/oauth/Sessions.ts"
import { oauthEngines, someToken } from "./authorizing.ts"

for (const [engine, oauth] of oauthEngines) {
  layer(oauth)(`Grants on ${engine}`, (it) => {
    it.effect("are listed with their tokens, and taken back by their user", () =>
      Effect.gen(function* () {
        const grants = yield* Grants
        const { client, session, token } = yield* someToken({ scope: "keys" })
        const other = yield* someToken()
        const [grant, ...none] = yield* grants.list(session.userId)
        assert.deepStrictEqual(none, [])
        assert.deepInclude(grant, { clientId: client.client.id, clientName: "Some app", scopes: ["keys"] })
        assert.deepStrictEqual(
          grant?.tokens.map(({ id }) => id),
          [decodeJwt(token).jti ?? ""]
        )
        assert.strictEqual(yield* grants.revokeWhere({ id: grant?.id, userId: other.session.userId }), 0)
        assert.strictEqual(yield* grants.revokeWhere({ id: grant?.id, userId: session.userId }), 1)
        assert.strictEqual(yield* grants.revokeWhere({ id: grant?.id, userId: session.userId }), 0)
        assert.deepStrictEqual(yield* grants.list(session.userId), [])
        const tokens = yield* AccessTokens
        assert.propertyVal(yield* Effect.flip(tokens.authenticate(token)), "reason", "token_revoked")
        yield* tokens.authenticate(other.token)
      })
    )

    it.effect("lose one token and keep the others", () =>
      Effect.gen(function* () {
        const grants = yield* Grants
        const { session, token } = yield* someToken()
        const other = yield* someToken()
        const id = decodeJwt(token).jti ?? ""
        assert.isFalse(yield* grants.revokeToken({ id, userId: other.session.userId }))
        assert.isFalse(yield* grants.revokeToken({ id: "\0", userId: session.userId }))
        yield* (yield* AccessTokens).authenticate(token)
        assert.isTrue(yield* grants.revokeToken({ id, userId: session.userId }))
        const error = yield* Effect.flip((yield* AccessTokens).authenticate(token))
        assert.propertyVal(error, "reason", "token_revoked")
        assert.deepStrictEqual(
          (yield* grants.list(session.userId)).map(({ tokens }) => tokens),
          [[]]
        )
      })
    )

    it.effect("are never taken back without saying whose", () =>
      Effect.gen(function* () {
        yield* someToken()
        assert.strictEqual(yield* (yield* Grants).revokeWhere({}), 0)
        assert.strictEqual(yield* (yield* Grants).revokeWhere({ id: "%" }), 0)
      })
    )

    it.effect("end with the session in which they were given, and with all of a user's", () =>
      Effect.gen(function* () {
        const [one, other] = [yield* someToken(), yield* someToken()]
        const [sessions, tokens] = [yield* Sessions, yield* AccessTokens]
        yield* sessions.end(one.session)
        assert.propertyVal(yield* Effect.flip(tokens.authenticate(one.token)), "reason", "token_revoked")
        yield* tokens.authenticate(other.token)
        yield* sessions.endAll(other.session.userId)
        assert.propertyVal(yield* Effect.flip(tokens.authenticate(other.token)), "reason", "token_revoked")
      })
    )

    it.effect("end with their client", () =>
      Effect.gen(function* () {
        const { client, token } = yield* someToken()
        yield* (yield* Clients).remove(client.client.id)
        const error = yield* Effect.flip((yield* AccessTokens).authenticate(token))
        assert.propertyVal(error, "reason", "token_revoked")
      })
    )
  })
}
