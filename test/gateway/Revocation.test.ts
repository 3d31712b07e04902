import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { PgClient } from "@effect/sql-pg"
import { SqlClient } from "effect/sql/SqlClient"
import { generateKey } from "../../src/auth/ApiKey.ts"
import type { SettingsValue } from "../../src/config/Settings.ts"
import { eventually } from "../support/Eventually.ts"
import { type Answer, hello, startGateway, type TestGateway } from "../support/Gateway.ts"
import { heldUpstream, wholeHeldStream } from "../support/HeldUpstream.ts"
import { rawExchange } from "../support/RawHttp.ts"
import { startRedis } from "../support/Redis.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"

/** What an administrator does at one instance. */
type Change = (gateway: TestGateway, key: { readonly id: string; readonly user_id: string }) => Effect.Effect<Answer>

const changes: ReadonlyArray<readonly [what: string, make: Change, obeyed: (answer: Answer) => boolean]> = [
  [
    "a key is revoked",
    (gateway, { id }) => gateway.admin("DELETE", `/keys/${id}`),
    ({ json, status }) => status === 401 && json.error.details.reason === "key_revoked"
  ],
  [
    "a key expires",
    (gateway, { id }) => gateway.admin("PATCH", `/keys/${id}`, { expires_at: "2020-01-01T00:00:00Z" }),
    ({ json, status }) => status === 401 && json.error.details.reason === "key_expired"
  ],
  [
    "its user is deleted",
    (gateway, { user_id }) => gateway.admin("DELETE", `/users/${user_id}`),
    ({ json, status }) => status === 401 && json.error.details.reason === "key_revoked"
  ],
  [
    "its limits change",
    (gateway, { id }) => gateway.admin("PATCH", `/keys/${id}`, { limits: { rpm: 7 } }),
    ({ headers, status }) => status === 200 && headers.get("x-ratelimit-limit-requests") === "7"
  ],
  [
    "its user's tier changes",
    (gateway, { user_id }) => gateway.admin("PATCH", `/users/${user_id}`, { tier: "pro" }),
    ({ headers, status }) => status === 200 && headers.get("x-ratelimit-limit-requests") === "100"
  ],
  [
    "it is bound to a model",
    (gateway, { id }) => gateway.admin("PATCH", `/keys/${id}`, { models: ["sandbox/story"] }),
    ({ json, status }) => status === 403 && json.error.details.reason === "model_not_allowed"
  ],
  [
    "it is bound to a network",
    (gateway, { id }) => gateway.admin("PATCH", `/keys/${id}`, { allowed_ips: ["192.0.2.0/24"] }),
    ({ json, status }) => status === 403 && json.error.details.reason === "ip_not_allowed"
  ]
]

/** A key of a user of the tier `enterprise`, which both instances know. */
const knownKey = Effect.fnUntraced(function* (one: TestGateway, other: TestGateway) {
  const { json: user } = yield* one.admin("POST", "/users", {
    email: `${crypto.randomUUID()}@example.org`,
    tier: "enterprise"
  })
  const { json } = yield* one.admin("POST", "/keys", { user_id: user.id, name: "known" })
  for (const gateway of [one, other]) assert.strictEqual((yield* gateway.chat(json.key, hello)).status, 200)
  return json
})

const assertObeyed = Effect.fnUntraced(function* (
  instances: readonly [TestGateway, TestGateway],
  within: number,
  [what, make, obeyed]: (typeof changes)[number]
) {
  const [one, other] = instances
  const key = yield* knownKey(one, other)
  assert.include([200, 204], (yield* make(one, key)).status, what)
  const changedAt = performance.now()
  assert.isTrue(obeyed(yield* one.chat(key.key, hello)), `${what}, here`)
  yield* eventually(Effect.map(other.chat(key.key, hello), obeyed))
  assert.isBelow(performance.now() - changedAt, within, `${what}, there`)
})

const twoInstances = Effect.fnUntraced(function* (settings: Partial<SettingsValue> = {}) {
  const url = yield* freshDatabase
  const databaseUrl = Redacted.make(url)
  const [one, other] = [
    yield* startGateway({ databaseUrl, ...settings }),
    yield* startGateway({ databaseUrl, ...settings })
  ] as const
  return { instances: [one, other] as const, one, other, url }
})

describe("what is changed at one instance", () => {
  it.live("is obeyed by the other within 1 s where there is Redis, and within 3 s while it is away", () =>
    Effect.gen(function* () {
      const redis = yield* startRedis()
      const { instances } = yield* twoInstances({ redisUrls: [Redacted.make(redis.url)] })
      for (const change of changes) yield* assertObeyed(instances, 1000, change)
      yield* redis.kill
      yield* Effect.forEach(changes, (change) => assertObeyed(instances, 3000, change), { concurrency: "unbounded" })
      yield* redis.restart
      yield* redis.pause
      yield* Effect.forEach(changes, (change) => assertObeyed(instances, 3000, change), { concurrency: "unbounded" })
      yield* redis.resume
    }).pipe(Effect.scoped)
  )

  it.live("is obeyed by the other within 3 s without Redis, also what an operator writes by hand", () =>
    Effect.gen(function* () {
      const { instances, one, other, url } = yield* twoInstances()
      yield* Effect.forEach(changes, (change) => assertObeyed(instances, 3000, change), { concurrency: "unbounded" })
      const key = yield* knownKey(one, other)
      yield* Effect.flatMap(SqlClient, (sql) => sql`UPDATE api_keys SET revoked_at = now() WHERE id = ${key.id}`).pipe(
        Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
      )
      const revokedAt = performance.now()
      for (const gateway of instances) {
        yield* eventually(Effect.map(gateway.chat(key.key, hello), ({ status }) => status === 401))
      }
      assert.isBelow(performance.now() - revokedAt, 3000)
    }).pipe(Effect.scoped)
  )

  it.live("does not touch an answer that runs; the next request is refused", () =>
    Effect.gen(function* () {
      const upstream = yield* heldUpstream
      const gateway = yield* startGateway({
        providers: providers({ openai: openAiSettings(upstream.url), sandbox: { kind: "sandbox" } })
      })
      const { json: user } = yield* gateway.admin("POST", "/users", { email: "a@example.org" })
      const { json: key } = yield* gateway.admin("POST", "/keys", { user_id: user.id, name: "key" })
      const stream = yield* Effect.forkChild(gateway.chat(key.key, { ...hello, model: "openai/any", stream: true }), {
        startImmediately: true
      })
      yield* upstream.reached.await
      assert.strictEqual((yield* gateway.admin("DELETE", `/keys/${key.id}`)).status, 204)
      assert.strictEqual((yield* gateway.chat(key.key, hello)).status, 401)
      yield* upstream.goOn.open
      assert.match((yield* Fiber.join(stream)).text, wholeHeldStream)
    }).pipe(Effect.scoped)
  )

  it.live("is told by a metric how far an instance may be behind", () =>
    Effect.gen(function* () {
      const gateway = yield* startGateway()
      yield* eventually(
        Effect.map(gateway.request("/metrics"), ({ text }) => /^xrouter_revocation_lag_seconds \d/m.test(text))
      )
      const { text } = yield* gateway.request("/metrics")
      assert.isBelow(Number(/^xrouter_revocation_lag_seconds (\S+)$/m.exec(text)?.[1]), 4)
    }).pipe(Effect.scoped)
  )
})

describe("a burst of 10,000 unknown keys", () => {
  it.live("reaches the database with a handful of queries, is refused throughout, and keeps nobody else out", () =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      const gateway = yield* startGateway({ databaseUrl: Redacted.make(url) })
      const [key, late] = [yield* gateway.makeKey(), yield* gateway.makeKey()]
      assert.strictEqual((yield* gateway.chat(key, hello)).status, 200)
      /** Each query of the gateway is a transaction; PostgreSQL counts them, and tells a second later. */
      const transactions = Effect.flatMap(
        SqlClient,
        (sql) => sql<{ count: number }>`
          SELECT (xact_commit + xact_rollback)::int AS count FROM pg_stat_database WHERE datname = current_database()`
      ).pipe(
        Effect.map(([row]) => row?.count ?? 0),
        Effect.provide(PgClient.layer({ url: Redacted.make(url), maxConnections: 1 }))
      )
      const before = yield* transactions
      const startedAt = performance.now()
      // Many at once, and few sockets: each client sends all that it has without waiting for answers.
      const request = (end: string) =>
        `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${generateKey("pro")}\r\nContent-Length: 2\r\n${end}\r\n{}`
      const client = Effect.suspend(() =>
        rawExchange(
          gateway.url,
          [...Array.from({ length: 199 }, () => request("")), request("Connection: close\r\n")].join("")
        )
      )
      const burst = yield* Effect.forkChild(Effect.replicateEffect(client, 50, { concurrency: "unbounded" }))
      // Who is known is served meanwhile, and who was not seen yet with the next query.
      assert.strictEqual((yield* gateway.chat(key, hello)).status, 200)
      assert.strictEqual((yield* gateway.chat(late, hello)).status, 200)
      const answers = (yield* Fiber.join(burst)).join("")
      assert.deepStrictEqual([...new Set(answers.match(/^HTTP\/1.1 \d+/gm))], ["HTTP/1.1 401"])
      assert.strictEqual(answers.split("HTTP/1.1 401").length - 1, 10_000)
      yield* Effect.sleep("1100 millis")
      // On top of that handful: four queries for unknown keys a second, and what the gateway does in the background.
      const seconds = (performance.now() - startedAt) / 1000
      assert.isAtMost((yield* transactions) - before, 20 + 10 * seconds)
    }).pipe(Effect.scoped)
  )
})
