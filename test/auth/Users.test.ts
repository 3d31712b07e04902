import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeys } from "../../src/auth/ApiKeys.ts"
import { Passwords } from "../../src/auth/Passwords.ts"
import { type NewUser, type UserChanges, Users } from "../../src/auth/Users.ts"
import { ValidationError } from "../../src/domain/Errors.ts"
import { authEngines, someUser } from "../support/TestAuth.ts"

const refusal = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(effect), (error) =>
    error instanceof ValidationError ? [error.reason, error.param] : assert.fail(String(error))
  )

for (const [engine, auth] of authEngines) {
  layer(auth)(`Users on ${engine}`, (it) => {
    it.effect("are created with what is said, or the first tier, and found again", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2026, 0, 2))
        const users = yield* Users
        const created = yield* users.create({ email: "Ann@Example.org", tier: "pro" })
        assert.match(created.id, /^user_[0-9a-z]{26}$/)
        assert.deepStrictEqual(created, {
          id: created.id,
          email: "Ann@Example.org",
          tier: "pro",
          createdAt: Date.UTC(2026, 0, 2)
        })
        assert.deepStrictEqual(yield* users.get(created.id), created)
        assert.strictEqual((yield* someUser).tier, "free")
      })
    )

    it.effect("have an address that no other has, in whatever case", () =>
      Effect.gen(function* () {
        const users = yield* Users
        yield* users.create({ email: "bob@example.org" })
        assert.deepStrictEqual(yield* refusal(users.create({ email: "BOB@example.ORG" })), ["already_exists", "email"])
        const { id } = yield* someUser
        assert.deepStrictEqual(yield* refusal(users.update(id, { email: "Bob@example.org" })), [
          "already_exists",
          "email"
        ])
      })
    )

    it.effect("of many created at once with one address, one is", () =>
      Effect.gen(function* () {
        const users = yield* Users
        const outcomes = yield* Effect.all(
          Array.from({ length: 10 }, () => Effect.result(users.create({ email: "race@example.org" }))),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(outcomes.filter(({ _tag }) => _tag === "Success").length, 1)
        for (const outcome of outcomes) {
          if (outcome._tag === "Failure") assert.propertyVal(outcome.failure, "reason", "already_exists")
        }
      })
    )

    it.effect("keep the hash of their password and not the password", () =>
      Effect.gen(function* () {
        const [users, passwords, sql] = [yield* Users, yield* Passwords, yield* SqlClient]
        const { id } = yield* users.create({ email: "pass@example.org", password: Redacted.make("correct horse") })
        const hashOf = Effect.map(
          sql<{ hash: string | null }>`SELECT password_hash AS hash FROM users WHERE id = ${id}`,
          ([row]) => row?.hash ?? undefined
        )
        const kept = yield* hashOf
        assert.isTrue(yield* passwords.verify(Redacted.make("correct horse"), kept))
        yield* users.update(id, { password: Redacted.make("battery staple") })
        assert.isTrue(yield* passwords.verify(Redacted.make("battery staple"), yield* hashOf))
        yield* users.update(id, { password: null })
        assert.isUndefined(yield* hashOf)
      })
    )

    it.effect("are changed in what is named, and in nothing else", () =>
      Effect.gen(function* () {
        const users = yield* Users
        const user = yield* someUser
        assert.deepStrictEqual(yield* users.update(user.id, { tier: "enterprise" }), { ...user, tier: "enterprise" })
        assert.deepStrictEqual(yield* users.update(user.id, { email: "new@example.org" }), {
          ...user,
          tier: "enterprise",
          email: "new@example.org"
        })
        assert.deepStrictEqual(yield* users.update(user.id, {}), yield* users.get(user.id))
      })
    )

    it.effect("who are removed are gone, with their keys, and their address is free", () =>
      Effect.gen(function* () {
        const [users, keys, sql] = [yield* Users, yield* ApiKeys, yield* SqlClient]
        const { id, email } = yield* someUser
        const key = yield* keys.create({ userId: id, name: "key" })
        yield* users.remove(id)
        assert.deepStrictEqual(yield* refusal(users.get(id)), ["not_found", undefined])
        assert.deepStrictEqual(yield* refusal(users.remove(id)), ["not_found", undefined])
        assert.deepStrictEqual(yield* refusal(users.update(id, { tier: "pro" })), ["not_found", undefined])
        assert.deepStrictEqual(yield* refusal(keys.get(key.id)), ["not_found", undefined])
        assert.deepStrictEqual(yield* refusal(keys.create({ userId: id, name: "key" })), ["not_found", "user_id"])
        assert.deepStrictEqual(yield* sql`SELECT email, password_hash FROM users WHERE id = ${id}`, [
          { email: null, password_hash: null }
        ])
        assert.notStrictEqual((yield* users.create({ email })).id, id)
      })
    )

    it.effect("are listed newest first, part by part, each once", () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(Date.UTC(2030, 0, 1))
        const users = yield* Users
        const created = []
        for (let index = 0; index < 5; index++) {
          yield* TestClock.adjust(1)
          created.unshift(yield* someUser)
        }
        const first = yield* users.list({ limit: 2 })
        const second = yield* users.list({ limit: 2, cursor: first.nextCursor })
        const third = yield* users.list({ limit: 2, cursor: second.nextCursor })
        assert.deepStrictEqual([...first.data, ...second.data, third.data[0]], created)
        const all = yield* users.list({ limit: 100 })
        assert.isUndefined(all.nextCursor)
        assert.isAbove(all.data.length, 5)
      })
    )

    for (const [limit, cursor, param] of [
      [0, undefined, "limit"],
      [101, undefined, "limit"],
      [1.5, undefined, "limit"],
      [undefined, "' OR 1=1 --", "cursor"],
      [undefined, "\0", "cursor"]
    ] as const) {
      it.effect(`are not listed by ${param} ${JSON.stringify(limit ?? cursor)}`, () =>
        Effect.gen(function* () {
          const users = yield* Users
          assert.deepStrictEqual(yield* refusal(users.list({ limit, cursor })), ["invalid_request", param])
        })
      )
    }

    const badUsers: ReadonlyArray<readonly [what: string, user: UserChanges, param: string]> = [
      ["an address without @", { email: "nobody" }, "email"],
      ["an empty address", { email: "" }, "email"],
      ["two @", { email: "a@b@c" }, "email"],
      ["a NUL in the address", { email: "a\0@example.org" }, "email"],
      ["a line break in the address", { email: "a@example.org\nBcc: b@example.org" }, "email"],
      ["half of a surrogate pair in the address", { email: "\ud800@example.org" }, "email"],
      ["a long address", { email: `${"a".repeat(250)}@example.org` }, "email"],
      ["a tier that does not exist", { tier: "platinum" }, "tier"],
      ["a tier named like a member of objects", { tier: "constructor" }, "tier"],
      ["a short password", { password: Redacted.make("1234567") }, "password"],
      ["an endless password", { password: Redacted.make("a".repeat(1025)) }, "password"]
    ]
    for (const [what, bad, param] of badUsers) {
      it.effect(`refuse ${what}, new or changed`, () =>
        Effect.gen(function* () {
          const users = yield* Users
          const { email = "ok@example.org", tier, password } = bad
          const wish: NewUser = { email, tier, ...(password !== undefined && password !== null && { password }) }
          assert.deepStrictEqual(yield* refusal(users.create(wish)), ["invalid_body", param])
          assert.deepStrictEqual(yield* refusal(users.update((yield* someUser).id, bad)), ["invalid_body", param])
        })
      )
    }
  })
}
