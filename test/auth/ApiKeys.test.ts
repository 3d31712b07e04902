import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { hashKey } from "../../src/auth/ApiKey.ts"
import type { ApiKeyChanges } from "../../src/auth/ApiKeyRecord.ts"
import { ApiKeys } from "../../src/auth/ApiKeys.ts"
import { Users } from "../../src/auth/Users.ts"
import { ValidationError } from "../../src/domain/Errors.ts"
import { authEngines, someUser } from "../support/TestAuth.ts"

const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) =>
    error instanceof ValidationError ? [error.reason, error.param] : assert.fail(String(error))
  )

const someKey = Effect.gen(function* () {
  const { id } = yield* someUser
  const keys = yield* ApiKeys
  const { key, ...record } = yield* keys.create({ userId: id, name: "some key" })
  return { key: Redacted.value(key), record }
})

for (const [engine, auth] of authEngines) {
  layer(auth)(`ApiKeys on ${engine}`, (it) => {
    it.effect("are told once, and only their hash is stored", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const { key, record } = yield* someKey
        assert.match(record.id, /^key_[0-9a-z]{26}$/)
        assert.match(key, /^xr-free-[0-9A-Za-z]{22}-[0-9A-Za-z]{6}$/)
        assert.isTrue(key.startsWith(record.prefix))
        const [row] = yield* sql`SELECT * FROM api_keys WHERE id = ${record.id}`
        assert.propertyVal(row, "hash", hashKey(key))
        assert.notInclude(JSON.stringify(row), key)
      })
    )

    it.effect("have all that is asked for, and are found again", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2026, 5, 1))
        const [keys, user] = [yield* ApiKeys, yield* someUser]
        const wish = {
          userId: user.id,
          name: "Ключ — 'one'; DROP TABLE users",
          tier: "pro",
          limits: { rpm: 3, tpd: 1_000_000 },
          models: ["gigachat/GigaChat-2-Max", "smart"],
          allowedIps: ["192.0.2.0/24", "2001:db8::1"],
          expiresAt: Date.UTC(2027, 0, 1)
        }
        const { key, ...record } = yield* keys.create(wish)
        assert.deepStrictEqual(record, {
          ...wish,
          id: record.id,
          prefix: Redacted.value(key).slice(0, "xr-pro-".length + 4),
          createdAt: Date.UTC(2026, 5, 1),
          lastUsedAt: undefined
        })
        assert.deepStrictEqual(yield* keys.get(record.id), record)
      })
    )

    it.effect("without a tier of their own follow their user's", () =>
      Effect.gen(function* () {
        const [users, keys] = [yield* Users, yield* ApiKeys]
        const { record } = yield* someKey
        yield* users.update(record.userId, { tier: "enterprise" })
        assert.strictEqual((yield* keys.get(record.id)).tier, "enterprise")
        yield* keys.update(record.id, { tier: "pro" })
        yield* users.update(record.userId, { tier: "free" })
        assert.strictEqual((yield* keys.get(record.id)).tier, "pro")
        assert.strictEqual((yield* keys.update(record.id, { tier: null })).tier, "free")
      })
    )

    const changes: ReadonlyArray<ApiKeyChanges> = [
      { name: "another name" },
      { tier: "pro" },
      { limits: { concurrency: 2 } },
      { models: ["smart"] },
      { allowedIps: ["::1"] },
      { expiresAt: 1_900_000_000_000 }
    ]
    for (const change of changes) {
      it.effect(`are changed in ${Object.keys(change)} and nothing else`, () =>
        Effect.gen(function* () {
          const keys = yield* ApiKeys
          const { record } = yield* someKey
          assert.deepStrictEqual(yield* keys.update(record.id, change), { ...record, ...change })
          assert.deepStrictEqual(yield* keys.get(record.id), { ...record, ...change })
        })
      )
    }

    it.effect("lose what is set to null, and stay when nothing is named", () =>
      Effect.gen(function* () {
        const keys = yield* ApiKeys
        const { record } = yield* someKey
        for (const change of changes) yield* keys.update(record.id, change)
        const bare = { tier: null, limits: null, models: null, allowedIps: null, expiresAt: null }
        assert.deepStrictEqual(yield* keys.update(record.id, bare), { ...record, name: "another name" })
        assert.deepStrictEqual(yield* keys.update(record.id, {}), { ...record, name: "another name" })
      })
    )

    it.effect("that are revoked are gone from the lists", () =>
      Effect.gen(function* () {
        const keys = yield* ApiKeys
        const { record } = yield* someKey
        yield* keys.revoke(record.id)
        assert.deepStrictEqual(yield* refusal(keys.get(record.id)), ["not_found", undefined])
        assert.deepStrictEqual(yield* refusal(keys.update(record.id, { name: "x" })), ["not_found", undefined])
        assert.deepStrictEqual(yield* refusal(keys.revoke(record.id)), ["not_found", undefined])
        assert.deepStrictEqual((yield* keys.list({ userId: record.userId })).data, [])
      })
    )

    it.effect("are listed by user, newest first, part by part", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2030, 0, 1))
        const [keys, user] = [yield* ApiKeys, yield* someUser]
        yield* someKey
        const created = []
        for (let index = 0; index < 3; index++) {
          yield* TestClock.adjust(1)
          const { key, ...record } = yield* keys.create({ userId: user.id, name: `key ${index}` })
          assert.isTrue(Redacted.isRedacted(key))
          created.unshift(record)
        }
        const first = yield* keys.list({ userId: user.id, limit: 2 })
        assert.deepStrictEqual(first.data, created.slice(0, 2))
        const second = yield* keys.list({ userId: user.id, limit: 2, cursor: first.nextCursor })
        assert.deepStrictEqual(second, { data: created.slice(2), nextCursor: undefined })
        assert.isAbove((yield* keys.list({})).data.length, 3)
      })
    )

    const bad: ReadonlyArray<readonly [what: string, change: ApiKeyChanges, param: string]> = [
      ["an empty name", { name: "" }, "name"],
      ["a name of blanks", { name: "  " }, "name"],
      ["a NUL in the name", { name: "a\0b" }, "name"],
      ["a terminal's escape in the name", { name: "\u001b[31m" }, "name"],
      ["half of a surrogate pair in the name", { name: "\udc00" }, "name"],
      ["a long name", { name: "a".repeat(201) }, "name"],
      ["a tier that does not exist", { tier: "platinum" }, "tier"],
      ["a limit of 0", { limits: { rpm: 0 } }, "limits"],
      ["half a limit", { limits: { tpm: 0.5 } }, "limits"],
      ["no models", { models: [] }, "models"],
      ["a NUL in a model", { models: ["a", "\0"] }, "models"],
      ["no networks", { allowedIps: [] }, "allowed_ips"],
      ["a network that is none", { allowedIps: ["10.0.0.0/8", "10.0.0.0/33"] }, "allowed_ips[1]"],
      ["an expiry that is no time", { expiresAt: Number.NaN }, "expires_at"],
      ["an expiry beyond all calendars", { expiresAt: 9e15 }, "expires_at"]
    ]
    for (const [what, change, param] of bad) {
      it.effect(`refuse ${what}, new or changed`, () =>
        Effect.gen(function* () {
          const keys = yield* ApiKeys
          const { record } = yield* someKey
          assert.deepStrictEqual(yield* refusal(keys.update(record.id, change)), ["invalid_body", param])
          const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== null))
          const wish = { userId: record.userId, name: "key", ...given }
          assert.deepStrictEqual(yield* refusal(keys.create(wish)), ["invalid_body", param])
        })
      )
    }

    it.effect("of a user who is not there are not made", () =>
      Effect.gen(function* () {
        const keys = yield* ApiKeys
        for (const userId of ["user_none", "", "\0"]) {
          assert.deepStrictEqual(yield* refusal(keys.create({ userId, name: "key" })), ["not_found", "user_id"])
        }
        for (const id of ["key_none", "\0"]) {
          assert.deepStrictEqual(yield* refusal(keys.get(id)), ["not_found", undefined])
          assert.deepStrictEqual(yield* refusal(keys.revoke(id)), ["not_found", undefined])
        }
      })
    )
  })
}
