import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { generateKey, hashKey } from "../../src/auth/ApiKey.ts"
import { startGateway, type TestGateway } from "../support/Gateway.ts"
import * as OpenAiUpstream from "../support/OpenAiUpstream.ts"
import { rawConversation, statusOf } from "../support/RawHttp.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { readExposition } from "../telemetry/exposition.ts"

/** Written into the table at once; by the API each would be a request of its own. */
const insertKeys = Effect.fnUntraced(function* (userId: string, count: number) {
  const keys = Array.from({ length: count }, () => generateKey("enterprise"))
  const sql = yield* SqlClient
  yield* sql`
    INSERT INTO api_keys (id, user_id, hash, prefix, name, tier, created_at)
    SELECT 'key_' || hash, ${userId}, hash, 'xr-enterprise-', 'one of many', 'enterprise', now()
    FROM unnest(${keys.map(hashKey)}::text[]) AS hash`
  return keys
})

const asking = (key: string) => (model: string) => {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] })
  return `POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** One that is served, one that a provider refuses, and the rest for models that are nowhere; every name is another one. */
const modelsOf = (requests: number): ReadonlyArray<string> => [
  "sandbox/echo",
  `openai/${crypto.randomUUID()}`,
  ...Array.from(
    { length: requests - 2 },
    (_, index) => `${["", "sandbox/", "nobody/"][index % 3]}${crypto.randomUUID()}`
  )
]

/** Over a few connections; answers how many answers had which status. */
const ask = Effect.fnUntraced(function* (gateway: TestGateway, keys: ReadonlyArray<string>, requestsEach: number) {
  const connections = Object.values(Object.groupBy(keys, (_, index) => index % 8))
  const answers = yield* Effect.forEach(
    connections,
    (keys = []) =>
      rawConversation(
        gateway.url,
        keys.flatMap((key) => modelsOf(requestsEach).map(asking(key)))
      ),
    { concurrency: "unbounded" }
  )
  const byStatus = Object.groupBy(answers.flat(), statusOf)
  return Object.fromEntries(Object.entries(byStatus).map(([status, all = []]) => [status, all.length]))
})

describe("the number of series", () => {
  it.live(
    "is the same after 10,000 requests for models that nobody has, by 1,000 keys",
    () =>
      Effect.gen(function* () {
        const databaseUrl = Redacted.make(yield* Effect.orDie(freshDatabase))
        const upstream = yield* OpenAiUpstream.make()
        const gateway = yield* startGateway({
          databaseUrl,
          providers: providers({ openai: openAiSettings(upstream.baseUrl), sandbox: { kind: "sandbox" } })
        })
        const { json: user } = yield* gateway.admin("POST", "/users", { email: "many@example.org" })
        const [first = "", ...keys] = yield* Effect.orDie(insertKeys(user.id, 1001)).pipe(
          Effect.provide(PgClient.layer({ url: databaseUrl, maxConnections: 1 })),
          Effect.orDie
        )
        const series = Effect.map(gateway.request("/metrics"), ({ text }) => [...readExposition(text).samples.keys()])
        // The list of models is there: their names are labels.
        yield* gateway.request("/v1/models", { headers: { authorization: `Bearer ${first}` } })
        assert.deepStrictEqual(yield* ask(gateway, [first], 10), { "200": 1, "404": 9 })
        const before = yield* series
        assert.deepStrictEqual(yield* ask(gateway, keys, 10), { "200": 1000, "404": 9000 })
        const after = yield* series
        assert.deepStrictEqual(after, before)
        assert.isBelow(after.length, 250)
      }).pipe(Effect.scoped),
    240_000
  )
})
