import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { AccessTokens } from "../../src/auth/AccessTokens.ts"
import { nameFault } from "../../src/oauth/ClientRules.ts"
import { Clients } from "../../src/oauth/Clients.ts"
import { OAuthError } from "../../src/oauth/OAuthError.ts"
import { Registration } from "../../src/oauth/Registration.ts"
import { sweep } from "../../src/oauth/Sweeper.ts"
import { TokenRequests } from "../../src/oauth/TokenRequests.ts"
import { ValidationError } from "../../src/domain/Errors.ts"
import { layerPGlite, migrated } from "../support/TestDatabase.ts"
import { callback, exchanging, layerOAuth, oauthEngines, someClient, someCode, someToken } from "./authorizing.ts"

let addresses = 0
const someAddress = () => `address ${addresses++}`

const register = (metadata: unknown, address = someAddress()) =>
  Effect.flatMap(Registration, (registration) => registration.register({ metadata, address }))

const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) => (error instanceof OAuthError ? error.error : assert.fail(String(error))))

const valid = { redirect_uris: [callback], client_name: "An app" }

describe("a client's name", () => {
  for (const name of ["App", "Приложение № 1", "アプリ", "<script>alert(1)</script>", "a & b", "x".repeat(100)]) {
    it(`may be ${name.slice(0, 30)}`, () => assert.isUndefined(nameFault(name)))
  }
  const bad: ReadonlyArray<readonly [what: string, name: string]> = [
    ["nothing", ""],
    ["blanks", "  "],
    ["with a blank in front", " App"],
    ["longer than 100 characters", "x".repeat(101)],
    ["with a NUL", "a\0b"],
    ["with a line end", "App\nby your bank"],
    ["with a line separator", "App\u2028by your bank"],
    ["with a direction override", "App\u202efdp.exe"],
    ["with an isolate", "\u2066App\u2069"],
    ["with a zero-width blank", "Ap\u200bp"],
    ["with an invisible letter", "App\u3164"],
    ["with half a surrogate pair", "\ud800"],
    ["with a byte order mark", "\ufeffApp"]
  ]
  for (const [what, name] of bad) {
    it(`may not be ${what}`, () => assert.isString(nameFault(name)))
  }
})

for (const [engine, oauth] of oauthEngines) {
  layer(oauth)(`Registration on ${engine}`, (it) => {
    it.effect("gives what RFC 7591 says where nothing is said", () =>
      Effect.gen(function* () {
        const { client, registrationToken, secret } = yield* register({ redirect_uris: [callback] })
        assert.deepInclude(client, {
          name: "app.example",
          isConfidential: true,
          authMethods: ["client_secret_basic", "client_secret_post"],
          redirectUris: [callback],
          scopes: ["inference"],
          isDynamic: true
        })
        assert.match(secret === undefined ? "" : Redacted.value(secret), /^[A-Za-z0-9]{64}$/)
        assert.isDefined(registrationToken)
        const rows = JSON.stringify(yield* (yield* SqlClient)`SELECT * FROM oauth_clients`)
        for (const text of [secret, registrationToken])
          assert.notInclude(rows, text === undefined ? "" : Redacted.value(text))
      })
    )

    it.effect("keeps to what it can do, and passes over what it does not know", () =>
      Effect.gen(function* () {
        const { client, secret } = yield* register({
          redirect_uris: ["http://localhost:3000/cb", "com.example.app:/cb"],
          client_name: "MCP client",
          token_endpoint_auth_method: "none",
          grant_types: ["authorization_code", "refresh_token"],
          response_types: ["code"],
          scope: "keys inference offline_access",
          logo_uri: "http://169.254.169.254/latest/meta-data",
          jwks: { keys: [] },
          unknown: { deep: [1] }
        })
        assert.isUndefined(secret)
        assert.deepInclude(client, { isConfidential: false, authMethods: ["none"], scopes: ["keys", "inference"] })
      })
    )

    it.effect("is followed by a flow with the method that was registered, and no other", () =>
      Effect.gen(function* () {
        const { client, secret } = yield* register({ ...valid, token_endpoint_auth_method: "client_secret_post" })
        const known = { client, secret: secret === undefined ? undefined : Redacted.value(secret) }
        const requests = yield* TokenRequests
        const { code } = yield* someCode(client.id)
        const authorization = `Basic ${Buffer.from(`${client.id}:${known.secret}`).toString("base64")}`
        const inHeader = exchanging({ client, secret: undefined }, code)
        assert.strictEqual(yield* refusal(requests.exchange({ ...inHeader, authorization })), "invalid_client")
        yield* requests.exchange(exchanging(known, code))
      })
    )

    const bad: ReadonlyArray<readonly [what: string, metadata: unknown, error: string]> = [
      ["no redirect URIs", {}, "invalid_redirect_uri"],
      ["an empty list of redirect URIs", { redirect_uris: [] }, "invalid_redirect_uri"],
      ["a redirect URI that is no text", { redirect_uris: [1] }, "invalid_redirect_uri"],
      ["redirect URIs in one text", { redirect_uris: callback }, "invalid_redirect_uri"],
      ["one bad redirect URI of two", { redirect_uris: [callback, "javascript:alert(1)"] }, "invalid_redirect_uri"],
      ["a redirect URI of a public host in http", { redirect_uris: ["http://app.example/cb"] }, "invalid_redirect_uri"],
      ["21 redirect URIs", { redirect_uris: Array.from({ length: 21 }, () => callback) }, "invalid_redirect_uri"],
      ["no object", [callback], "invalid_redirect_uri"],
      ["nothing", null, "invalid_redirect_uri"],
      ["a name that is no text", { ...valid, client_name: 1 }, "invalid_client_metadata"],
      ["a name that turns the direction", { ...valid, client_name: "a\u202eb" }, "invalid_client_metadata"],
      [
        "an unknown way to authenticate",
        { ...valid, token_endpoint_auth_method: "private_key_jwt" },
        "invalid_client_metadata"
      ],
      ["the implicit grant alone", { ...valid, grant_types: ["implicit"] }, "invalid_client_metadata"],
      ["the response token alone", { ...valid, response_types: ["token"] }, "invalid_client_metadata"],
      ["unknown scopes alone", { ...valid, scope: "admin" }, "invalid_client_metadata"]
    ]
    for (const [what, metadata, error] of bad) {
      it.effect(`with ${what} is refused: ${error}`, () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* refusal(register(metadata)), error)
        })
      )
    }

    it.effect("is for twenty an hour from one address, however many ask at once", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2030, 0, 1))
        const address = someAddress()
        const answers = yield* Effect.all(
          Array.from({ length: 25 }, () => Effect.result(register(valid, address))),
          { concurrency: "unbounded" }
        )
        const failures = answers.flatMap((answer) => (answer._tag === "Failure" ? [answer.failure] : []))
        assert.strictEqual(failures.length, 5)
        for (const failure of failures) {
          assert.deepInclude(failure, { _tag: "OAuthError", error: "slow_down", retryAfterMillis: 3_600_000 })
        }
        yield* register(valid)
        yield* TestClock.adjust("1 hour")
        yield* register(valid, address)
      })
    )

    it.effect("is read, replaced and removed with its own token, which a change exchanges", () =>
      Effect.gen(function* () {
        const registration = yield* Registration
        const { client, registrationToken, secret } = yield* register(valid)
        const first = registrationToken === undefined ? "" : Redacted.value(registrationToken)
        const { id } = client
        assert.deepStrictEqual((yield* registration.read(id, first)).client, client)
        const changed = yield* registration.replace(id, first, {
          redirect_uris: [`${callback}/new`],
          client_name: "New"
        })
        assert.deepInclude(changed.client, { id, name: "New", redirectUris: [`${callback}/new`] })
        const second = changed.registrationToken === undefined ? "" : Redacted.value(changed.registrationToken)
        assert.strictEqual(yield* refusal(registration.read(id, first)), "invalid_token")
        for (const token of [undefined, "", "x", secret === undefined ? "" : Redacted.value(secret)]) {
          assert.strictEqual(yield* refusal(registration.read(id, token)), "invalid_token")
          assert.strictEqual(yield* refusal(registration.replace(id, token, valid)), "invalid_token")
          assert.strictEqual(yield* refusal(registration.remove(id, token)), "invalid_token")
        }
        assert.strictEqual(yield* refusal(registration.replace(id, second, {})), "invalid_redirect_uri")
        const open = { ...valid, token_endpoint_auth_method: "none" }
        assert.strictEqual(yield* refusal(registration.replace(id, second, open)), "invalid_client_metadata")
        yield* registration.remove(id, second)
        assert.strictEqual(yield* refusal(registration.read(id, second)), "invalid_token")
        assert.isUndefined(yield* (yield* Clients).find(id))
      })
    )

    it.effect("that is removed takes its tokens along", () =>
      Effect.gen(function* () {
        const { client, registrationToken, secret } = yield* register({
          ...valid,
          token_endpoint_auth_method: "client_secret_post"
        })
        const { code } = yield* someCode(client.id)
        const known = { client, secret: secret === undefined ? undefined : Redacted.value(secret) }
        const { token } = yield* (yield* TokenRequests).exchange(exchanging(known, code))
        const tokens = yield* AccessTokens
        yield* tokens.authenticate(Redacted.value(token))
        yield* (yield* Registration).remove(client.id, Redacted.value(registrationToken ?? Redacted.make("")))
        const error = yield* Effect.flip(tokens.authenticate(Redacted.value(token)))
        assert.propertyVal(error, "reason", "token_revoked")
      })
    )

    it.effect("of a client that an administrator has made has no token, and an empty one does not fit", () =>
      Effect.gen(function* () {
        const { client } = yield* someClient()
        const registration = yield* Registration
        for (const token of [undefined, "", "x"]) {
          assert.strictEqual(yield* refusal(registration.remove(client.id, token)), "invalid_token")
        }
      })
    )

    it.effect("that was never used is gone after a day, and one in use stays", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2031, 0, 1))
        const [unused, used] = [yield* register(valid), yield* register(valid)]
        const { client: made } = yield* someClient()
        yield* someCode(used.client.id)
        const clients = yield* Clients
        yield* sweep
        assert.isDefined(yield* clients.find(unused.client.id))
        yield* TestClock.adjust("25 hours")
        yield* sweep
        assert.isUndefined(yield* clients.find(unused.client.id))
        assert.isDefined(yield* clients.find(used.client.id))
        assert.isDefined(yield* clients.find(made.id))
      })
    )

    it.effect("and all else that is over is swept away, but not what a replay has to find", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2032, 0, 1))
        const sql = yield* SqlClient
        const { client, code, token } = yield* someToken()
        yield* TestClock.adjust("30 days")
        yield* sweep
        assert.strictEqual((yield* sql`SELECT 1 FROM sessions`).length, 0)
        const requests = yield* TokenRequests
        assert.strictEqual(yield* refusal(requests.exchange(exchanging(client, code))), "invalid_grant")
        const error = yield* Effect.flip((yield* AccessTokens).authenticate(token))
        assert.propertyVal(error, "reason", "token_revoked")
      })
    )
  })

  layer(oauth)(`Clients on ${engine}`, (it) => {
    const refused = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.map(Effect.flip(effect), (error) =>
        error instanceof ValidationError ? [error.reason, error.param] : assert.fail(String(error))
      )

    it.effect("are made, listed, changed and removed", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2033, 0, 1))
        const clients = yield* Clients
        const { client, secret } = yield* clients.create({ name: "App", redirectUris: [callback] })
        assert.deepInclude(client, { name: "App", isConfidential: true, isDynamic: false, scopes: ["inference"] })
        assert.isDefined(secret)
        yield* TestClock.adjust(1)
        const other = yield* clients.create({
          name: "SPA",
          redirectUris: [callback],
          confidential: false,
          scopes: ["keys"]
        })
        assert.deepInclude(other.client, { isConfidential: false, scopes: ["keys"] })
        assert.deepStrictEqual((yield* clients.list({ limit: 2 })).data, [other.client, client])
        const changed = yield* clients.update(client.id, { name: "New", scopes: ["inference", "keys"] })
        assert.deepStrictEqual(changed, { ...client, name: "New", scopes: ["inference", "keys"] })
        assert.deepStrictEqual(yield* clients.update(client.id, {}), changed)
        assert.deepStrictEqual(yield* clients.get(client.id), changed)
        yield* clients.remove(client.id)
        for (const id of [client.id, "client_none", "", "\0"]) {
          assert.deepStrictEqual(yield* refused(clients.get(id)), ["not_found", undefined])
          assert.deepStrictEqual(yield* refused(clients.update(id, { name: "x" })), ["not_found", undefined])
          assert.deepStrictEqual(yield* refused(clients.remove(id)), ["not_found", undefined])
        }
      })
    )

    it.effect("are refused with what a user could be deceived by", () =>
      Effect.gen(function* () {
        const clients = yield* Clients
        const { client } = yield* someClient()
        for (const [change, param] of [
          [{ name: "a\u202eb" }, "name"],
          [{ redirectUris: ["javascript:alert(1)"] }, "redirect_uris"],
          [{ redirectUris: [] }, "redirect_uris"],
          [{ scopes: ["admin"] }, "scopes"],
          [{ scopes: [] }, "scopes"]
        ] as const) {
          assert.deepStrictEqual(yield* refused(clients.update(client.id, change)), ["invalid_body", param])
          const wish = { name: "App", redirectUris: [callback], ...change }
          assert.deepStrictEqual(yield* refused(clients.create(wish)), ["invalid_body", param])
        }
      })
    )
  })
}

layer(layerOAuth(migrated(layerPGlite), { clientRegistration: "closed" }))("Registration that is closed", (it) => {
  it.effect("is refused to everybody", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refusal(register(valid)), "access_denied")
      assert.strictEqual(yield* refusal(register(null)), "access_denied")
    })
  )
})
