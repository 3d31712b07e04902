import { PgClient } from "@effect/sql-pg"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { ApiKeys } from "../../src/auth/ApiKeys.ts"
import { readLog, sweepLog } from "../../src/auth/RevocationLog.ts"
import { type Revoked, revokedFrom, toLine } from "../../src/auth/Revoked.ts"
import { Users } from "../../src/auth/Users.ts"
import { layerServer } from "../../src/storage/Database.ts"
import { authEngines, someUser } from "../support/TestAuth.ts"
import { freshDatabase, migrated } from "../support/TestDatabase.ts"

const someKey = Effect.gen(function* () {
  const { id: userId } = yield* someUser
  const { id } = yield* (yield* ApiKeys).create({ userId, name: "key" })
  return { id, userId }
})

/** What is new since the last time that it was asked. */
const reader = Effect.flatMap(SqlClient, (sql) =>
  Effect.map(readLog(sql, undefined), (start) => {
    let { snapshot } = start
    return Effect.map(
      Effect.suspend(() => readLog(sql, snapshot)),
      (news) => {
        snapshot = news.snapshot
        return news.revoked === "all" ? "all" : news.revoked.map(toLine).sort()
      }
    )
  })
)

for (const [engine, auth] of authEngines) {
  layer(auth)(`the log of revocations on ${engine}`, (it) => {
    it.effect("begins with not knowing what was missed", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const { revoked, snapshot } = yield* readLog(sql, undefined)
        assert.strictEqual(revoked, "all")
        assert.deepStrictEqual((yield* readLog(sql, snapshot)).revoked, [])
      })
    )

    it.effect("has every change that decides on a request, whoever makes it, once", () =>
      Effect.gen(function* () {
        const [sql, keys, users] = [yield* SqlClient, yield* ApiKeys, yield* Users]
        const { id, userId } = yield* someKey
        const news = yield* reader
        const key = `key ${id}`
        for (const changes of [
          { name: "renamed" },
          { tier: "pro" },
          { limits: { rpm: 1 } },
          { models: ["sandbox/echo"] },
          { allowedIps: ["10.0.0.0/8"] },
          { expiresAt: Date.UTC(2030, 0) }
        ]) {
          yield* keys.update(id, changes)
          assert.deepStrictEqual(yield* news, [key], JSON.stringify(changes))
        }
        yield* users.update(userId, { tier: "pro" })
        assert.deepStrictEqual(yield* news, [`user ${userId}`])
        yield* sql`UPDATE api_keys SET revoked_at = now() WHERE id = ${id}`
        assert.deepStrictEqual(yield* news, [key])
        yield* sql`DELETE FROM api_keys WHERE id = ${id}`
        assert.deepStrictEqual(yield* news, [key])
        const second = yield* keys.create({ userId, name: "second" })
        yield* keys.revoke(second.id)
        assert.deepStrictEqual(yield* news, [`key ${second.id}`])
        yield* users.remove(userId)
        assert.deepStrictEqual(yield* news, [`user ${userId}`])
        assert.deepStrictEqual(yield* news, [])
      })
    )

    it.effect("has a user's keys with the user that was deleted", () =>
      Effect.gen(function* () {
        const { id, userId } = yield* someKey
        const news = yield* reader
        yield* (yield* Users).remove(userId)
        assert.deepStrictEqual(yield* news, [`key ${id}`, `user ${userId}`])
      })
    )

    it.effect("has nothing of what decides nothing: a new key, its use, an address, a password", () =>
      Effect.gen(function* () {
        const [sql, users] = [yield* SqlClient, yield* Users]
        const news = yield* reader
        const { id, userId } = yield* someKey
        yield* sql`UPDATE api_keys SET last_used_at = now() WHERE id = ${id}`
        yield* users.update(userId, {
          email: `${crypto.randomUUID()}@example.org`,
          password: Redacted.make("12345678")
        })
        assert.deepStrictEqual(yield* news, [])
      })
    )

    it.effect("has nothing of a change that was taken back", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const { id } = yield* someKey
        const news = yield* reader
        yield* sql`UPDATE api_keys SET revoked_at = now() WHERE id = ${id}`.pipe(
          Effect.andThen(Effect.fail("changed my mind")),
          sql.withTransaction,
          Effect.ignore
        )
        assert.deepStrictEqual(yield* news, [])
      })
    )

    it.effect("tells no longer one by one what is too much", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const news = yield* reader
        const note = (count: number) =>
          sql`INSERT INTO revocations (kind, subject) SELECT 'key', 'key_' || n FROM generate_series(1, ${count}::int) n`
        yield* note(10_000)
        assert.lengthOf(yield* news, 10_000)
        yield* note(10_001)
        assert.strictEqual(yield* news, "all")
        assert.deepStrictEqual(yield* news, [])
      })
    )

    it.effect("does not know what was missed where the database was set back", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const future = "900000000000:900000000000:"
        const { revoked, snapshot } = yield* readLog(sql, future)
        assert.strictEqual(revoked, "all")
        assert.deepStrictEqual((yield* readLog(sql, snapshot)).revoked, [])
      })
    )

    it.effect("is swept of what was seen some time ago, and of nothing else", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient
        const rows = Effect.map(sql<{ subject: string }>`SELECT subject FROM revocations ORDER BY id`, (rows) =>
          rows.map(({ subject }) => subject)
        )
        const note = (subject: string) => sql`INSERT INTO revocations (kind, subject) VALUES ('key', ${subject})`
        yield* sql`DELETE FROM revocations`
        yield* note("seen")
        const { snapshot } = yield* readLog(sql, undefined)
        yield* note("new")
        // As a backup of another server brings them.
        const foreign = (subject: string, age: string) => sql`
          INSERT INTO revocations (kind, subject, xid, noted_at)
          VALUES ('key', ${subject}, '900000000000'::xid8, now() - ${age}::interval)`
        yield* foreign("foreign and old", "25 hours")
        yield* foreign("foreign", "1 hour")
        yield* sweepLog(sql, snapshot)
        assert.deepStrictEqual(yield* rows, ["new", "foreign"])
      })
    )
  })
}

/** A connection of its own, so that what is begun on it is not done until it is committed there. */
const session = (url: string) =>
  Effect.map(Layer.build(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 })), (context) =>
    Context.get(context, SqlClient)
  )

/** Who writes to one database in transactions of their own, and who reads. */
class Sessions extends Context.Service<
  Sessions,
  { readonly writers: ReadonlyArray<SqlClient>; readonly reader: SqlClient }
>()("Sessions") {
  static readonly layer = Layer.effect(
    Sessions,
    Effect.gen(function* () {
      const url = yield* freshDatabase
      yield* Layer.build(migrated(layerServer(Redacted.make(url))))
      return { writers: yield* Effect.replicateEffect(session(url), 4), reader: yield* session(url) }
    })
  )
}

layer(Sessions.layer, { excludeTestServices: true })(
  "transactions that do not end in the order in which they began",
  (it) => {
    let subjects = 0
    const Step = Schema.Struct({
      does: Schema.Literals(["note", "commit", "rollback", "look"]),
      writer: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))
    })

    it.effect.prop(
      "are all seen, once each, and hold up nobody else's news",
      { steps: Schema.Array(Step).check(Schema.isMinLength(20), Schema.isMaxLength(60)) },
      Effect.fnUntraced(function* ({ steps }) {
        const { reader, writers } = yield* Sessions
        const sessions = writers.map((sql) => ({ sql, noted: new Array<string>() }))
        const committed: Array<string> = []
        const seen: Array<string> = []
        let { snapshot } = yield* readLog(reader, undefined)
        const look = Effect.gen(function* () {
          const news = yield* readLog(reader, snapshot)
          snapshot = news.snapshot
          seen.push(...(news.revoked === "all" ? ["all"] : news.revoked.map(({ id }) => id)))
          assert.deepStrictEqual(seen.toSorted(), committed.toSorted())
        })
        const end = Effect.fnUntraced(function* (session: (typeof sessions)[number], statement: "COMMIT" | "ROLLBACK") {
          if (session.noted.length === 0) return
          yield* session.sql.unsafe(statement)
          if (statement === "COMMIT") committed.push(...session.noted)
          session.noted = []
        })
        const note = Effect.fnUntraced(function* ({ noted, sql }: (typeof sessions)[number]) {
          if (noted.length === 0) yield* sql.unsafe("BEGIN")
          const subject = `key_${subjects++}`
          yield* sql`INSERT INTO revocations (kind, subject) VALUES ('key', ${subject})`
          noted.push(subject)
        })
        for (const { does, writer } of steps) {
          const session = sessions[writer] ?? assert.fail()
          if (does === "note") yield* note(session)
          else if (does === "look") yield* look
          else yield* end(session, does === "commit" ? "COMMIT" : "ROLLBACK")
        }
        yield* Effect.forEach(sessions, (session) => end(session, "COMMIT"))
        yield* look
      }),
      { arbitrary: { runs: 100 } }
    )

    it.effect("of which one stays open are swept up to it, and it is seen when it ends", () =>
      Effect.gen(function* () {
        const { reader, writers } = yield* Sessions
        const [slow, quick] = [writers[0] ?? assert.fail(), writers[1] ?? assert.fail()]
        yield* slow.unsafe("BEGIN")
        yield* slow`INSERT INTO revocations (kind, subject) VALUES ('key', 'slow')`
        yield* quick`INSERT INTO revocations (kind, subject) VALUES ('key', 'quick')`
        const { snapshot } = yield* readLog(reader, undefined)
        yield* slow.unsafe("COMMIT")
        yield* sweepLog(reader, snapshot)
        assert.deepStrictEqual((yield* readLog(reader, snapshot)).revoked, [{ kind: "key", id: "slow" }])
        assert.deepStrictEqual(yield* reader`SELECT subject FROM revocations`, [{ subject: "slow" }])
      })
    )
  }
)

describe("a revocation as a line of text", () => {
  it("is read as it was written", () => {
    const kinds = ["key", "user", "client", "grant", "token"] as const
    for (const revoked of kinds.map((kind): Revoked => ({ kind, id: "some_id" }))) {
      assert.deepStrictEqual(revokedFrom(toLine(revoked)), revoked)
    }
  })

  it("is nothing where it is something else, or of a kind that only a newer version knows", () => {
    for (const line of ["", "key", "key ", " key_1", "keys key_1", "session s_1", "key key_1 more", "constructor x"]) {
      assert.isUndefined(revokedFrom(line), line)
    }
  })
})
