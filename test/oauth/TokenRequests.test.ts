import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { decodeJwt, decodeProtectedHeader } from "jose"
import { SqlClient } from "effect/sql/SqlClient"
import { AccessTokens } from "../../src/auth/AccessTokens.ts"
import { Clients } from "../../src/oauth/Clients.ts"
import { Codes } from "../../src/oauth/Codes.ts"
import { OAuthError } from "../../src/oauth/OAuthError.ts"
import { hashSecret } from "../../src/oauth/Secret.ts"
import { Sessions } from "../../src/oauth/Sessions.ts"
import { Tokens } from "../../src/oauth/Tokens.ts"
import { TokenRequests } from "../../src/oauth/TokenRequests.ts"
import {
  callback,
  exchanging,
  issuer,
  oauthEngines,
  type query,
  someClient,
  someCode,
  someToken,
  verifier
} from "./authorizing.ts"

const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => (error instanceof OAuthError ? error.error : assert.fail(String(error))))

const exchange = (...request: Parameters<typeof exchanging>) =>
  Effect.flatMap(TokenRequests, (requests) => requests.exchange(exchanging(...request)))

for (const [engine, oauth] of oauthEngines) {
  layer(oauth)(`A token request on ${engine}`, (it) => {
    it.effect("is answered with a token of one year that says what RFC 9068 wants", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2026, 5, 1, 12, 0, 0, 700))
        const client = yield* someClient()
        const { code, session } = yield* someCode(client.client.id, { scope: "inference keys" })
        const answer = yield* exchange(client, code)
        assert.strictEqual(answer.expiresInSeconds, 31_536_000)
        assert.strictEqual(answer.scope, "inference keys")
        const token = Redacted.value(answer.token)
        assert.deepStrictEqual(decodeProtectedHeader(token), { alg: "HS256", typ: "at+jwt", kid: "one" })
        const claims = decodeJwt(token)
        const issuedAt = Date.UTC(2026, 5, 1, 12) / 1000
        assert.deepInclude(claims, {
          iss: issuer,
          sub: session.userId,
          aud: `${issuer}/v1`,
          iat: issuedAt,
          exp: issuedAt + 31_536_000,
          auth_time: issuedAt,
          client_id: client.client.id,
          scope: "inference keys"
        })
        assert.match(claims.jti ?? "", /^token_[0-9a-z]{26}$/)
        const principal = yield* (yield* AccessTokens).authenticate(token)
        assert.deepStrictEqual(principal, {
          userId: session.userId,
          credentialId: claims.jti ?? "",
          kind: "token",
          label: client.client.name,
          tier: "free",
          limitSubject: session.userId,
          limits: {},
          scopes: ["inference", "keys"],
          expiresAt: (issuedAt + 31_536_000) * 1000
        })
      })
    )

    it.effect("leaves nothing of code and token in the database", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const { code, token } = yield* someToken()
        const rows = [
          yield* sql`SELECT * FROM oauth_codes`,
          yield* sql`SELECT * FROM oauth_tokens`,
          yield* sql`SELECT * FROM oauth_grants`
        ]
        const text = JSON.stringify(rows)
        assert.include(text, hashSecret(code))
        assert.notInclude(text, code)
        assert.notInclude(text, token.slice(-20))
      })
    )

    const wrong: ReadonlyArray<readonly [what: string, changes: Parameters<typeof query>[0], error: string]> = [
      ["no grant type", { grant_type: undefined }, "invalid_request"],
      ["the grant type password", { grant_type: "password" }, "unsupported_grant_type"],
      ["the grant type client_credentials", { grant_type: "client_credentials" }, "unsupported_grant_type"],
      ["the grant type refresh_token", { grant_type: "refresh_token" }, "unsupported_grant_type"],
      ["no code", { code: undefined }, "invalid_request"],
      ["two codes", { code: ["a", "b"] }, "invalid_request"],
      ["an unknown code", { code: "nothing" }, "invalid_grant"],
      ["a code of a NUL", { code: "\0" }, "invalid_grant"],
      ["no verifier", { code_verifier: undefined }, "invalid_grant"],
      ["a verifier of 42 characters", { code_verifier: "a".repeat(42) }, "invalid_grant"],
      ["a verifier of 129 characters", { code_verifier: "a".repeat(129) }, "invalid_grant"],
      ["a verifier with a =", { code_verifier: `${verifier}=` }, "invalid_grant"],
      ["another verifier", { code_verifier: `${verifier}0` }, "invalid_grant"],
      ["another redirect URI", { redirect_uri: `${callback}?` }, "invalid_grant"],
      ["another port", { redirect_uri: callback.replace(".example", ".example:444") }, "invalid_grant"],
      ["a resource that is not ours", { resource: "https://other.example" }, "invalid_target"],
      ["a resource that was not asked for", { resource: issuer }, "invalid_target"],
      ["two secrets", { client_secret: ["a", "b"] }, "invalid_request"]
    ]
    for (const [what, changes, error] of wrong) {
      it.effect(`with ${what} is refused: ${error}`, () =>
        Effect.gen(function* () {
          const client = yield* someClient()
          const { code } = yield* someCode(client.client.id)
          assert.strictEqual(yield* refusal(exchange(client, code, changes)), error)
        })
      )
    }

    it.effect("may leave out the redirect URI, as OAuth 2.1 does", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const { code } = yield* someCode(client.client.id)
        assert.strictEqual((yield* exchange(client, code, { redirect_uri: undefined })).scope, "inference")
      })
    )

    it.effect("is for the port that a loopback client has listened on", () =>
      Effect.gen(function* () {
        const client = yield* someClient({ redirectUris: ["http://127.0.0.1/cb"], confidential: false })
        for (const [asked, error] of [
          ["http://127.0.0.1:5000/cb", undefined],
          ["http://127.0.0.1:5001/cb", "invalid_grant"],
          ["http://127.0.0.1/cb", "invalid_grant"]
        ] as const) {
          const { code } = yield* someCode(client.client.id, { redirect_uri: "http://127.0.0.1:5000/cb" })
          const answer = exchange(client, code, { redirect_uri: asked })
          if (error === undefined) yield* answer
          else assert.strictEqual(yield* refusal(answer), error)
        }
      })
    )

    it.effect("may ask for less than the user was asked for", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const both = { resource: [issuer, `${issuer}/v1`] }
        const { code } = yield* someCode(client.client.id, both)
        const { token } = yield* exchange(client, code, { resource: `${issuer}/` })
        assert.strictEqual(decodeJwt(Redacted.value(token)).aud, issuer)
        const { code: other } = yield* someCode(client.client.id, both)
        const { token: full } = yield* exchange(client, other)
        assert.deepStrictEqual(decodeJwt(Redacted.value(full)).aud, [issuer, `${issuer}/v1`])
      })
    )

    it.effect("comes within 60 seconds", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const { code: inTime } = yield* someCode(client.client.id)
        yield* TestClock.adjust("59 seconds")
        yield* exchange(client, inTime)
        const { code: late } = yield* someCode(client.client.id)
        yield* TestClock.adjust("61 seconds")
        assert.strictEqual(yield* refusal(exchange(client, late)), "invalid_grant")
      })
    )

    it.effect("of a spent code takes back what the code gave", () =>
      Effect.gen(function* () {
        const { client, code, token } = yield* someToken()
        const tokens = yield* AccessTokens
        yield* tokens.authenticate(token)
        assert.strictEqual(yield* refusal(exchange(client, code)), "invalid_grant")
        assert.propertyVal(yield* Effect.flip(tokens.authenticate(token)), "reason", "token_revoked")
      })
    )

    it.effect("of a spent code by another client takes back what it gave as well", () =>
      Effect.gen(function* () {
        const { code, token } = yield* someToken()
        assert.strictEqual(yield* refusal(exchange(yield* someClient(), code)), "invalid_grant")
        const error = yield* Effect.flip((yield* AccessTokens).authenticate(token))
        assert.propertyVal(error, "reason", "token_revoked")
      })
    )

    it.effect("whose code is presented again before its token is made gives one that nobody takes", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const { code } = yield* someCode(client.client.id)
        const clientId = client.client.id
        const redeemed = yield* (yield* Codes).redeem(code, clientId)
        if (redeemed === undefined) return assert.fail("The code was not taken")
        assert.strictEqual(yield* refusal(exchange(client, code)), "invalid_grant")
        const issued = yield* (yield* Tokens).issue({ redeemed, clientId, resources: redeemed.resources })
        const use = (yield* AccessTokens).authenticate(issued === undefined ? "" : Redacted.value(issued.token))
        assert.propertyVal(yield* Effect.flip(use), "reason", "token_revoked")
      })
    )

    it.effect("by another client leaves the code as it is", () =>
      Effect.gen(function* () {
        const [client, other] = [yield* someClient(), yield* someClient()]
        const { code } = yield* someCode(client.client.id)
        assert.strictEqual(yield* refusal(exchange(other, code)), "invalid_grant")
        yield* exchange(client, code)
      })
    )

    it.effect("with a wrong secret leaves the code as it is", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const { code } = yield* someCode(client.client.id)
        assert.strictEqual(yield* refusal(exchange(client, code, { client_secret: "wrong" })), "invalid_client")
        yield* exchange(client, code)
      })
    )

    it.effect("with a wrong verifier spends the code", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const { code } = yield* someCode(client.client.id)
        assert.strictEqual(yield* refusal(exchange(client, code, { code_verifier: "b".repeat(43) })), "invalid_grant")
        assert.strictEqual(yield* refusal(exchange(client, code)), "invalid_grant")
      })
    )

    it.effect("after its session has ended or its client is gone gives nothing", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const { code, session } = yield* someCode(client.client.id)
        yield* (yield* Sessions).end(session)
        assert.strictEqual(yield* refusal(exchange(client, code)), "invalid_grant")
        const { code: other } = yield* someCode(client.client.id)
        yield* (yield* Clients).remove(client.client.id)
        assert.strictEqual(yield* refusal(exchange(client, other)), "invalid_client")
      })
    )

    it.effect("is answered once, however many come at once", () =>
      Effect.gen(function* () {
        const client = yield* someClient()
        const { code } = yield* someCode(client.client.id)
        const answers = yield* Effect.all(
          Array.from({ length: 50 }, () => Effect.result(exchange(client, code))),
          { concurrency: "unbounded" }
        )
        const failures = answers.flatMap((answer) => (answer._tag === "Failure" ? [answer.failure] : []))
        assert.strictEqual(failures.length, 49)
        for (const failure of failures) assert.propertyVal(failure, "error", "invalid_grant")
        // Who of the fifty was meant to have it nobody can know.
        const token = answers.flatMap((answer) => (answer._tag === "Success" ? [answer.success.token] : []))[0]
        const use = (yield* AccessTokens).authenticate(token === undefined ? "" : Redacted.value(token))
        assert.propertyVal(yield* Effect.flip(use), "reason", "token_revoked")
      })
    )
  })
}
