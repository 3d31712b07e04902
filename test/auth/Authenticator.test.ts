import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { generateKey } from "../../src/auth/ApiKey.ts"
import type { NewApiKey } from "../../src/auth/ApiKeyRecord.ts"
import { ApiKeys } from "../../src/auth/ApiKeys.ts"
import { Authenticator } from "../../src/auth/Authenticator.ts"
import { KeyCache } from "../../src/auth/KeyCache.ts"
import { LastUse } from "../../src/auth/LastUse.ts"
import { Users } from "../../src/auth/Users.ts"
import { Secrets } from "../../src/storage/Secrets.ts"
import { DatabaseSwitch, switched } from "../support/SwitchedDatabase.ts"
import { layerAuth, someUser } from "../support/TestAuth.ts"
import { layerPGlite, migrated, migratedEngines } from "../support/TestDatabase.ts"
import { layerTestSettings } from "../support/TestSettings.ts"

const makeKey = Effect.fnUntraced(function* (wish: Partial<NewApiKey> = {}) {
  const [keys, user] = [yield* ApiKeys, yield* someUser]
  const { key, ...record } = yield* keys.create({ userId: user.id, name: "a key", ...wish })
  return { text: Redacted.value(key), record }
})

const call = (authorization: string | undefined, ip = "192.0.2.1") =>
  Effect.flatMap(Authenticator, (authenticator) => authenticator.authenticate({ authorization, ip }))

const callWith = (key: string, ip?: string) => call(`Bearer ${key}`, ip)

const refusal = <A, E extends { readonly reason: string; readonly code: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), ({ code, reason }) => `${code} ${reason}`)

for (const [engine, database] of migratedEngines) {
  layer(layerAuth(switched(database)).pipe(Layer.orDie))(`Authenticator on ${engine}`, (it) => {
    it.effect("knows whose key it is and what it may", () =>
      Effect.gen(function* () {
        const { text, record } = yield* makeKey({
          tier: "pro",
          limits: { rpm: 3 },
          models: ["smart"],
          allowedIps: ["192.0.2.0/24"],
          expiresAt: 1_000_000
        })
        assert.deepStrictEqual(yield* callWith(text), {
          userId: record.userId,
          credentialId: record.id,
          kind: "key",
          label: "a key",
          tier: "pro",
          limitSubject: record.id,
          limits: { rpm: 3 },
          scopes: ["inference"],
          models: ["smart"],
          allowedIps: ["192.0.2.0/24"],
          expiresAt: 1_000_000
        })
      })
    )

    it.effect("answers a known key on the spot, without the database and without waiting", () =>
      Effect.gen(function* () {
        const [authenticator, control, { text }] = [yield* Authenticator, yield* DatabaseSwitch, yield* makeKey()]
        const first = yield* callWith(text)
        control.statements = 0
        const again = authenticator.authenticate({ authorization: `Bearer ${text}`, ip: "192.0.2.1" })
        assert.isTrue(Exit.isExit(again), "an effect that has succeeded already")
        assert.strictEqual(yield* again, first)
        assert.strictEqual(control.statements, 0)
      })
    )

    it.effect("refuses a mistyped key without asking the database", () =>
      Effect.gen(function* () {
        const [control, { text }] = [yield* DatabaseSwitch, yield* makeKey()]
        control.statements = 0
        const last = text.at(-1) === "0" ? "1" : "0"
        for (const typed of [
          text.slice(0, -1) + last,
          text.slice(0, -1),
          `${text}0`,
          text.toUpperCase(),
          "xr-",
          "xr-free"
        ]) {
          assert.strictEqual(yield* refusal(callWith(typed)), "auth_error invalid_api_key", typed)
        }
        assert.strictEqual(control.statements, 0)
      })
    )

    it.effect("refuses a key that was never given", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* refusal(callWith(generateKey("free"))), "auth_error invalid_api_key")
      })
    )

    const other: ReadonlyArray<readonly [what: string, header: string | undefined, refusal: string]> = [
      ["no header", undefined, "auth_error missing_credentials"],
      ["Basic", "Basic dXNlcjpwYXNz", "auth_error invalid_api_key"],
      ["another vendor's key", "Bearer sk-proj-abc", "auth_error invalid_api_key"],
      ["a JSON Web Token", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "auth_error invalid_token"],
      ["two tokens", "Bearer xr-a, Bearer xr-b", "validation_error invalid_request"]
    ]
    for (const [what, header, expected] of other) {
      it.effect(`refuses ${what}: ${expected}`, () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* refusal(call(header)), expected)
        })
      )
    }

    it.effect("refuses a key from the millisecond it expires, known or not", () =>
      Effect.gen(function* () {
        const cache = yield* KeyCache
        const now = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
        const { text } = yield* makeKey({ expiresAt: now + 5000 })
        yield* TestClock.adjust(4999)
        yield* callWith(text)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* refusal(callWith(text)), "auth_error key_expired")
        yield* cache.invalidate("all")
        assert.strictEqual(yield* refusal(callWith(text)), "auth_error key_expired")
      })
    )

    it.effect("refuses a key of another network, and takes IPv4 in IPv6's clothes", () =>
      Effect.gen(function* () {
        const { text } = yield* makeKey({ allowedIps: ["192.0.2.0/24", "2001:db8::/32"] })
        for (const ip of ["192.0.2.9", "::ffff:192.0.2.9", "2001:db8::9"]) yield* callWith(text, ip)
        for (const ip of ["192.0.3.9", "::ffff:192.0.3.9", "2001:db9::9", ""]) {
          assert.strictEqual(yield* refusal(callWith(text, ip)), "auth_error ip_not_allowed", ip)
        }
      })
    )

    it.effect("obeys at once when a key is revoked", () =>
      Effect.gen(function* () {
        const [keys, { text, record }] = [yield* ApiKeys, yield* makeKey()]
        yield* callWith(text)
        yield* keys.revoke(record.id)
        assert.strictEqual(yield* refusal(callWith(text)), "auth_error key_revoked")
        assert.strictEqual(yield* refusal(callWith(text)), "auth_error key_revoked")
      })
    )

    it.effect("obeys at once when a key's user is removed", () =>
      Effect.gen(function* () {
        const [users, { text, record }] = [yield* Users, yield* makeKey()]
        yield* callWith(text)
        yield* users.remove(record.userId)
        assert.strictEqual(yield* refusal(callWith(text)), "auth_error key_revoked")
      })
    )

    it.effect("obeys at once when a key, or the tier of its user, is changed", () =>
      Effect.gen(function* () {
        const [keys, users, { text, record }] = [yield* ApiKeys, yield* Users, yield* makeKey()]
        assert.strictEqual((yield* callWith(text)).tier, "free")
        yield* users.update(record.userId, { tier: "enterprise" })
        assert.strictEqual((yield* callWith(text)).tier, "enterprise")
        yield* keys.update(record.id, { limits: { rpm: 7 }, models: ["smart"], expiresAt: 9_000_000 })
        const changed = yield* callWith(text)
        assert.deepStrictEqual([changed.limits, changed.models, changed.expiresAt], [{ rpm: 7 }, ["smart"], 9_000_000])
      })
    )

    it.effect("goes on with known keys while the database is away, and calls unknown ones 503, never 401", () =>
      Effect.gen(function* () {
        const [control, known, strange] = [yield* DatabaseSwitch, yield* makeKey(), yield* makeKey()]
        yield* callWith(known.text)
        control.state = "away"
        assert.strictEqual((yield* callWith(known.text)).credentialId, known.record.id)
        assert.strictEqual(yield* refusal(callWith(strange.text)), "internal_error database_unavailable")
        control.state = "there"
        assert.strictEqual((yield* callWith(strange.text)).credentialId, strange.record.id)
      })
    )

    it.effect("notes when a key was used, and not when it was refused", () =>
      Effect.gen(function* () {
        const [keys, lastUse] = [yield* ApiKeys, yield* LastUse]
        const [used, refused] = [yield* makeKey(), yield* makeKey({ allowedIps: ["203.0.113.1"] })]
        yield* TestClock.adjust("1 second")
        const now = yield* TestClock.testClockWith((clock) => clock.currentTimeMillis)
        yield* callWith(used.text)
        yield* refusal(callWith(refused.text))
        yield* lastUse.flush
        assert.strictEqual((yield* keys.get(used.record.id)).lastUsedAt, now)
        assert.isUndefined((yield* keys.get(refused.record.id)).lastUsedAt)
      })
    )
  })
}

const production = Layer.mergeAll(Users.layerSettings, ApiKeys.layerSettings, Authenticator.layer).pipe(
  Layer.provide(Layer.succeed(Secrets, { adminKey: undefined, jwtSecrets: [] })),
  Layer.provide([migrated(layerPGlite), layerTestSettings()])
)

layer(production)("the layers as the gateway composes them", (it) => {
  it.effect("share one cache: what one changes, the other obeys at once", () =>
    Effect.gen(function* () {
      const [keys, users, one, other] = [yield* ApiKeys, yield* Users, yield* makeKey(), yield* makeKey()]
      yield* callWith(one.text)
      yield* callWith(other.text)
      yield* keys.revoke(one.record.id)
      yield* users.remove(other.record.userId)
      assert.strictEqual(yield* refusal(callWith(one.text)), "auth_error key_revoked")
      assert.strictEqual(yield* refusal(callWith(other.text)), "auth_error key_revoked")
    })
  )
})
