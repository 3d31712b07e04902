import { assert, layer } from "@effect/vitest"
import { Clock, Effect, Layer, Redacted, Schema } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { CompactSign, SignJWT, UnsecuredJWT } from "jose"
import { createHmac, createSecretKey, generateKeyPairSync } from "node:crypto"
import { AccessTokenKeys } from "../../src/auth/AccessTokenKeys.ts"
import { AccessTokens } from "../../src/auth/AccessTokens.ts"
import { Users } from "../../src/auth/Users.ts"
import { TokenRequests } from "../../src/oauth/TokenRequests.ts"
import { Secrets } from "../../src/storage/Secrets.ts"
import { DatabaseSwitch, switched } from "../support/SwitchedDatabase.ts"
import { engines, layerPGlite, migrated } from "../support/TestDatabase.ts"
import { exchanging, issuer, jwtSecret, layerOAuth, someClient, someCode, someToken } from "./authorizing.ts"

const ring = Effect.map(Secrets, ({ jwtSecrets }) => {
  const [first] = jwtSecrets
  if (first === undefined) return assert.fail("There is no secret")
  return { kid: first.kid, secret: createSecretKey(Redacted.value(first.secret), "base64") }
})

const reason = (token: string) =>
  Effect.gen(function* () {
    return (yield* Effect.flip((yield* AccessTokens).authenticate(token))).reason
  })

/** The parts of a token that is good, to be made into one that is not. */
const goodToken = Effect.gen(function* () {
  const { token, session } = yield* someToken()
  const [header = "", payload = "", signature = ""] = token.split(".")
  const { kid, secret } = yield* ring
  const claims: Record<string, unknown> = JSON.parse(Buffer.from(payload, "base64url").toString())
  const protectedHeader = { alg: "HS256", typ: "at+jwt", kid }
  /** Signed by us, as whoever has our secret could. */
  const sign = (changed: { readonly header?: object; readonly claims?: object }) => {
    const body = [
      { ...protectedHeader, ...changed.header },
      { ...claims, ...changed.claims }
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".")
    return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`
  }
  return { token, session, header, payload, signature, claims, kid, secret, protectedHeader, sign }
})

type Good = Effect.Success<typeof goodToken>

const json = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

const hmac = (algorithm: string, good: Good, header: object, key: Parameters<typeof createHmac>[1] = good.secret) => {
  const body = `${json(header)}.${good.payload}`
  return `${body}.${createHmac(algorithm, key).update(body).digest("base64url")}`
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

layer(layerOAuth(migrated(layerPGlite)))("a token that is forged", (it) => {
  const promised = (make: (good: Good) => Promise<string>) => (good: Good) => Effect.promise(() => make(good))
  const forged: ReadonlyArray<readonly [what: string, make: (good: Good) => string | Effect.Effect<string>]> = [
    ["no signature and the algorithm none", ({ claims }) => new UnsecuredJWT(claims).encode()],
    [
      "the algorithm none over the true signature",
      (good) => `${json({ ...good.protectedHeader, alg: "none" })}.${good.payload}.${good.signature}`
    ],
    ["the algorithm None", (good) => `${json({ ...good.protectedHeader, alg: "None" })}.${good.payload}.`],
    ["HS384 by the true secret", (good) => hmac("sha384", good, { ...good.protectedHeader, alg: "HS384" })],
    ["HS512 by the true secret", (good) => hmac("sha512", good, { ...good.protectedHeader, alg: "HS512" })],
    [
      "HS512 in the header over a signature of HS256",
      (good) => hmac("sha256", good, { ...good.protectedHeader, alg: "HS512" })
    ],
    ["no algorithm", (good) => hmac("sha256", good, { typ: "at+jwt", kid: good.kid })],
    ["an algorithm in lower case", (good) => good.sign({ header: { alg: "hs256" } })],
    [
      "RS256 by a key of its own",
      promised(({ claims, protectedHeader }) =>
        new SignJWT(claims)
          .setProtectedHeader({ ...protectedHeader, alg: "RS256" })
          .sign(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey)
      )
    ],
    ["another secret", (good) => hmac("sha256", good, good.protectedHeader, "x".repeat(32))],
    ["an empty secret", (good) => hmac("sha256", good, good.protectedHeader, "")],
    ["the kid as the secret", (good) => hmac("sha256", good, good.protectedHeader, good.kid)],
    ["no type", (good) => good.sign({ header: { typ: undefined } })],
    ["the type JWT", (good) => good.sign({ header: { typ: "JWT" } })],
    ["the type application/at+jwt", (good) => good.sign({ header: { typ: "application/at+jwt" } })],
    ["a payload that is not encoded", (good) => good.sign({ header: { b64: false, crit: ["b64"] } })],
    ["b64 without crit", (good) => good.sign({ header: { b64: false } })],
    ["a critical extension", (good) => good.sign({ header: { crit: ["exp"] } })],
    ["a key of its own in jwk", (good) => good.sign({ header: { jwk: { kty: "oct", k: "AAAA" } } })],
    ["a key of its own by jku", (good) => good.sign({ header: { jku: "https://evil.example/jwks" } })],
    ["a key of its own by x5u", (good) => good.sign({ header: { x5u: "https://evil.example/cert" } })],
    ["no kid", (good) => good.sign({ header: { kid: undefined } })],
    ["an unknown kid", (good) => good.sign({ header: { kid: "other" } })],
    ["a kid that is a path", (good) => good.sign({ header: { kid: "../../dev/null" } })],
    ["a kid that is SQL", (good) => good.sign({ header: { kid: "' UNION SELECT 'x' --" } })],
    ["a kid that every object has", (good) => good.sign({ header: { kid: "__proto__" } })],
    ["a kid that is a number", (good) => good.sign({ header: { kid: 1 } })],
    ["a kid of 10 kB", (good) => good.sign({ header: { kid: "x".repeat(10_000) } })],
    ["a header that is no object", (good) => `${json(["at+jwt"])}.${good.payload}.${good.signature}`],
    ["a header that is no JSON", (good) => `AAAA.${good.payload}.${good.signature}`],
    [
      "claims that are no JSON",
      promised(({ secret, protectedHeader }) =>
        new CompactSign(new TextEncoder().encode("claims")).setProtectedHeader(protectedHeader).sign(secret)
      )
    ],
    ["another issuer", (good) => good.sign({ claims: { iss: "https://other.example" } })],
    ["the issuer with a slash", (good) => good.sign({ claims: { iss: `${issuer}/` } })],
    ["no issuer", (good) => good.sign({ claims: { iss: undefined } })],
    ["another audience", (good) => good.sign({ claims: { aud: "https://other.example" } })],
    ["no audience", (good) => good.sign({ claims: { aud: undefined } })],
    ["an audience in a list that is not ours", (good) => good.sign({ claims: { aud: ["https://other.example"] } })],
    ["no expiry", (good) => good.sign({ claims: { exp: undefined } })],
    ["an expiry that is text", (good) => good.sign({ claims: { exp: "9999999999" } })],
    ["an expiry that is null", (good) => good.sign({ claims: { exp: null } })],
    ["an expiry in half seconds", (good) => good.sign({ claims: { exp: 9_999_999_999.5 } })],
    [
      "a time of issue two minutes from now",
      (good) => good.sign({ claims: { iat: Number(good.claims["iat"]) + 120 } })
    ],
    ["a beginning two minutes from now", (good) => good.sign({ claims: { nbf: Number(good.claims["iat"]) + 120 } })],
    ["no id", (good) => good.sign({ claims: { jti: undefined } })],
    ["no user", (good) => good.sign({ claims: { sub: undefined } })],
    ["no client", (good) => good.sign({ claims: { client_id: undefined } })],
    ["no grant", (good) => good.sign({ claims: { grant_id: undefined } })],
    ["no scope", (good) => good.sign({ claims: { scope: undefined } })],
    [
      "more scopes under the true signature",
      (good) => `${good.header}.${json({ ...good.claims, scope: "inference keys" })}.${good.signature}`
    ],
    [
      "another user under the true signature",
      (good) => `${good.header}.${json({ ...good.claims, sub: "user_x" })}.${good.signature}`
    ],
    ["a padded signature", (good) => `${good.token}=`],
    ["a blank behind it", (good) => `${good.token} `],
    ["a line end behind it", (good) => `${good.token}\n`],
    ["a fourth part", (good) => `${good.token}.AAAA`],
    ["two parts", (good) => `${good.header}.${good.payload}`],
    ["an empty signature", (good) => `${good.header}.${good.payload}.`],
    ["a short signature", (good) => good.token.slice(0, -1)],
    [
      "its signature written otherwise",
      ({ token }) => token.slice(0, -1) + alphabet.charAt(alphabet.indexOf(token.at(-1) ?? "") ^ 1)
    ],
    [
      "the signature in the other alphabet",
      ({ token }) => token.replaceAll("-", "+").replaceAll("_", "/") + (/[-_]/.test(token) ? "" : "+")
    ],
    ["a JWE's five parts", () => "a.b.c.d.e"],
    ["nothing in its parts", () => ".."]
  ]
  for (const [what, make] of forged) {
    it.effect(`with ${what} is not valid`, () =>
      Effect.gen(function* () {
        const good = yield* goodToken
        const made = make(good)
        const token = typeof made === "string" ? made : yield* made
        assert.notStrictEqual(token, good.token)
        assert.strictEqual(yield* reason(token), "invalid_token")
        assert.isUndefined(yield* (yield* AccessTokens).read(token))
      })
    )
  }

  it.effect("by us in the same words is the same token, so the forgeries above fail by what they change", () =>
    Effect.gen(function* () {
      const good = yield* goodToken
      assert.strictEqual(good.sign({}), good.token)
      const principal = yield* (yield* AccessTokens).authenticate(good.sign({ claims: { aud: [issuer, "x"] } }))
      assert.strictEqual(principal.userId, good.session.userId)
      assert.strictEqual(yield* reason(good.sign({ claims: { jti: "token_unknown" } })), "token_revoked")
    })
  )

  const Change = Schema.Struct({
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })),
    to: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 64 }))
  })
  it.effect.prop("in any one character is not valid", { change: Change }, ({ change }) =>
    Effect.gen(function* () {
      const { token } = yield* goodToken
      const at = change.at % token.length
      const changed = token.slice(0, at) + `${alphabet}.`.charAt(change.to) + token.slice(at + 1)
      if (changed === token) return
      assert.strictEqual(yield* reason(changed), "invalid_token")
    })
  )

  it.effect.prop("of any text is not valid", [Schema.String], ([text]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* reason(text), "invalid_token")
    })
  )
})

const away = Effect.gen(function* () {
  const database = yield* DatabaseSwitch
  database.state = "away"
  yield* Effect.addFinalizer(() => Effect.sync(() => (database.state = "there")))
})

const withRing = (...kids: ReadonlyArray<ReturnType<typeof jwtSecret>>) =>
  Layer.fresh(AccessTokenKeys.layer).pipe(
    Layer.provide(Layer.succeed(Secrets, { adminKey: undefined, jwtSecrets: kids }))
  )

layer(layerOAuth(switched(migrated(engines[1][1]))))("an access token", (it) => {
  it.effect("is good for a year, to the second", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2030, 0, 1))
      const { token } = yield* someToken()
      const tokens = yield* AccessTokens
      yield* TestClock.setTime(Date.UTC(2031, 0, 1) - 1)
      yield* tokens.authenticate(token)
      yield* TestClock.setTime(Date.UTC(2031, 0, 1))
      assert.strictEqual(yield* reason(token), "token_expired")
      assert.isUndefined(yield* tokens.read(token))
    })
  )

  it.effect("that has expired before it was ever seen is told so", () =>
    Effect.gen(function* () {
      const good = yield* goodToken
      assert.strictEqual(yield* reason(good.sign({ claims: { exp: 1 } })), "token_expired")
    })
  )

  it.effect("of a clock that is a little ahead is taken", () =>
    Effect.gen(function* () {
      const good = yield* goodToken
      const token = good.sign({ claims: { iat: Number(good.claims["iat"]) + 30 } })
      assert.strictEqual((yield* (yield* AccessTokens).authenticate(token)).kind, "token")
    })
  )

  it.effect("that is known is verified without asking the database", () =>
    Effect.gen(function* () {
      const { token, session } = yield* someToken()
      const tokens = yield* AccessTokens
      yield* tokens.authenticate(token)
      const database = yield* DatabaseSwitch
      const before = database.statements
      for (let count = 0; count < 100; count++) yield* tokens.authenticate(token)
      yield* reason("eyJ.eyJ.AAAA")
      assert.strictEqual(database.statements, before)
      yield* away
      assert.strictEqual((yield* tokens.authenticate(token)).userId, session.userId)
    })
  )

  it.effect("that is not known yet has to wait for the database", () =>
    Effect.gen(function* () {
      const { token } = yield* someToken()
      yield* away
      assert.strictEqual(yield* reason(token), "database_unavailable")
    })
  )

  it.effect("has the tier of its user, at once after a change", () =>
    Effect.gen(function* () {
      const { token, session } = yield* someToken()
      const tokens = yield* AccessTokens
      assert.strictEqual((yield* tokens.authenticate(token)).tier, "free")
      yield* (yield* Users).update(session.userId, { tier: "pro" })
      assert.strictEqual((yield* tokens.authenticate(token)).tier, "pro")
    })
  )

  it.effect("has the tier of its user within a minute, where nobody tells of the change", () =>
    Effect.gen(function* () {
      const { token, session } = yield* someToken()
      const tokens = yield* AccessTokens
      yield* tokens.authenticate(token)
      const sql = yield* SqlClient
      yield* sql`UPDATE users SET tier = 'pro' WHERE id = ${session.userId}`
      assert.strictEqual((yield* tokens.authenticate(token)).tier, "free")
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual((yield* tokens.authenticate(token)).tier, "pro")
    })
  )

  it.effect("has it within that minute also where the time of day is set back meanwhile", () =>
    Effect.gen(function* () {
      const { token, session } = yield* someToken()
      const tokens = yield* AccessTokens
      yield* tokens.authenticate(token)
      const before = yield* Clock.currentTimeMillis
      yield* TestClock.setTime(before - 3_600_000)
      const sql = yield* SqlClient
      yield* sql`UPDATE users SET tier = 'pro' WHERE id = ${session.userId}`
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual((yield* tokens.authenticate(token)).tier, "pro")
      yield* TestClock.setTime(before)
    })
  )

  it.effect("is looked up with the others that are used in the same moment", () =>
    Effect.gen(function* () {
      const all = yield* Effect.forEach(Array.from({ length: 20 }), () => someToken())
      const database = yield* DatabaseSwitch
      const before = database.statements
      const tokens = yield* AccessTokens
      yield* Effect.forEach(all, ({ token }) => tokens.authenticate(token), { concurrency: "unbounded" })
      assert.isBelow(database.statements - before, 20)
    })
  )

  it.effect("outlives an outage of half a minute, and its user's tier is looked up again after it", () =>
    Effect.gen(function* () {
      const { token } = yield* someToken()
      const tokens = yield* AccessTokens
      yield* tokens.authenticate(token)
      yield* TestClock.adjust("40 seconds")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* away
          yield* tokens.authenticate(token)
          yield* TestClock.adjust("15 seconds")
          yield* tokens.authenticate(token)
        })
      )
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* tokens.authenticate(token)).tier, "free")
    })
  )

  it.effect("of a user who was deleted is revoked", () =>
    Effect.gen(function* () {
      const { token, session } = yield* someToken()
      yield* (yield* AccessTokens).authenticate(token)
      yield* (yield* Users).remove(session.userId)
      assert.strictEqual(yield* reason(token), "token_revoked")
    })
  )

  it.effect("is signed by the first secret, and verified by each, until that is taken away", () =>
    Effect.gen(function* () {
      const [old, young] = [jwtSecret("old"), jwtSecret("young")]
      const signed = (yield* AccessTokenKeys.pipe(Effect.provide(withRing(old)))).sign({ a: 1 })
      const text = Redacted.value(yield* signed)
      const both = yield* AccessTokenKeys.pipe(Effect.provide(withRing(young, old)))
      const newer = Redacted.value(yield* both.sign({ a: 2 }))
      assert.strictEqual(yield* both.open(text), '{"a":1}')
      assert.strictEqual(yield* both.open(newer), '{"a":2}')
      const dropped = yield* AccessTokenKeys.pipe(Effect.provide(withRing(young)))
      assert.isUndefined(yield* dropped.open(text))
      assert.strictEqual(yield* dropped.open(newer), '{"a":2}')
      // A secret that was taken away and drawn anew under its name is another one.
      const again = yield* AccessTokenKeys.pipe(Effect.provide(withRing(jwtSecret("old"))))
      assert.isUndefined(yield* again.open(text))
    })
  )

  it.effect("is not made without a secret", () =>
    Effect.gen(function* () {
      const none = yield* AccessTokenKeys.pipe(Effect.provide(withRing()))
      assert.propertyVal(yield* Effect.flip(none.sign({})), "_tag", "InternalError")
      const { token } = yield* someToken()
      assert.isUndefined(yield* none.open(token))
    })
  )

  it.effect("shows itself in no log", () =>
    Effect.gen(function* () {
      const client = yield* someClient()
      const { code } = yield* someCode(client.client.id)
      const answer = yield* (yield* TokenRequests).exchange(exchanging(client, code))
      const printed = `${String(answer.token)} ${JSON.stringify(answer)}`
      assert.notInclude(printed, "eyJ")
    })
  )
})
