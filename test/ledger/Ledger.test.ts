import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { Ledger } from "../../src/ledger/Ledger.ts"
import { migratedEngines } from "../support/TestDatabase.ts"
import { begun, ended, layerLedgerSomewhere, rowsOf } from "./calls.ts"

const asked = (userId: string, id: string) => Effect.flatMap(Ledger, (ledger) => ledger.find(userId, id))

for (const [engine, database] of migratedEngines) {
  layer(layerLedgerSomewhere(database).pipe(Layer.orDie), { excludeTestServices: true })(
    `the ledger on ${engine}`,
    (it) => {
      it.effect("tells a call while it runs and when it has ended, by either of its ids", () =>
        Effect.gen(function* () {
          const ledger = yield* Ledger
          const call = begun({ streamed: true, model: "smart" })
          const before = Date.now()
          const entry = ledger.begin(call)
          yield* entry.recorded
          for (const id of [call.requestId, call.id]) {
            const { createdAt, ...running } = yield* asked("user_1", id)
            assert.isTrue(createdAt >= before && createdAt <= Date.now())
            assert.deepStrictEqual(running, {
              ...call,
              status: "pending",
              finishReason: null,
              tokens: null,
              estimated: false,
              cost: null,
              latencyMillis: null,
              firstTokenMillis: null,
              attempts: []
            })
          }
          const attempts = [
            {
              provider: "gigachat",
              model: "GigaChat-2-Max",
              status: "failed",
              reason: "provider_timeout",
              latency_ms: 7
            },
            { provider: "yandexgpt", model: "yandexgpt", status: "completed", reason: null, latency_ms: 805 }
          ] as const
          entry.end(ended({ provider: "yandexgpt", providerModel: "yandexgpt", attempts }))
          const expected = {
            status: "completed",
            provider: "yandexgpt",
            providerModel: "yandexgpt",
            finishReason: "stop",
            tokens: { prompt: 100, completion: 20, cached: 40, reasoning: 5 },
            cost: { micros: 26_000n, currency: "RUB" },
            latencyMillis: 812,
            firstTokenMillis: 121,
            attempts
          } as const
          const fromMemory = yield* asked("user_1", call.id)
          assert.deepInclude(fromMemory, expected)
          yield* ledger.flush
          for (const id of [call.requestId, call.id]) {
            assert.deepStrictEqual(yield* asked("user_1", id), fromMemory, "the database tells the same")
          }
        })
      )

      it.effect("tells a call to its own user alone", () =>
        Effect.gen(function* () {
          const ledger = yield* Ledger
          const call = begun()
          const entry = ledger.begin(call)
          const refused = Effect.gen(function* () {
            for (const [userId, id] of [
              ["user_2", call.requestId],
              ["user_2", call.id],
              ["user_1", "chatcmpl-unknown"],
              ["user_1", ""],
              ["user_1", "a\0b"],
              ["user_1", "x".repeat(10_000)]
            ] as const) {
              const error = yield* Effect.flip(asked(userId, id))
              assert.strictEqual(error.reason, "not_found")
            }
          })
          yield* refused
          entry.end(ended())
          yield* refused
          yield* ledger.flush
          yield* refused
        })
      )

      it.effect("counts a call once, however often its end is told", () =>
        Effect.gen(function* () {
          const ledger = yield* Ledger
          const call = begun()
          const entry = ledger.begin(call)
          yield* entry.recorded
          entry.end(ended({ status: "cancelled" }))
          entry.end(ended())
          yield* ledger.flush
          entry.end(ended())
          yield* ledger.flush
          const rows = yield* rowsOf([call.requestId])
          assert.deepStrictEqual(
            rows.map(({ status }) => status),
            ["cancelled"]
          )
        })
      )

      it.effect("knows no cost where it knows no price, and nothing used is nothing paid where it knows one", () =>
        Effect.gen(function* () {
          const ledger = yield* Ledger
          const [unpriced, free] = [begun(), begun({ model: "smart" })]
          ledger.begin(unpriced).end(ended())
          ledger.begin(free).end(ended({ status: "failed", usage: undefined, finishReason: undefined }))
          yield* ledger.flush
          assert.isNull((yield* asked("user_1", unpriced.id)).cost)
          assert.deepInclude(yield* asked("user_1", free.id), {
            status: "failed",
            tokens: { prompt: 0, completion: 0, cached: 0, reasoning: 0 },
            cost: { micros: 0n, currency: "RUB" },
            finishReason: null
          })
        })
      )

      it.effect("keeps the price that a call was charged by, from the first such call on", () =>
        Effect.gen(function* () {
          const ledger = yield* Ledger
          const sql = yield* SqlClient
          yield* sql`DELETE FROM usage`
          yield* sql`DELETE FROM prices`
          const calls = [begun({ model: "tiny" }), begun({ model: "tiny" })]
          for (const call of calls) {
            ledger.begin(call).end(ended())
            yield* ledger.flush
          }
          const found = yield* Effect.forEach(calls, ({ id }) => asked("user_1", id))
          const prices = yield* sql`
            SELECT p.model, p.currency, p.per::int AS per, p.input::text AS input, p.output::text AS output,
              p.cached_input::text AS cached_input, p.since, count(*)::int AS calls
            FROM prices p JOIN usage u ON u.price_id = p.id GROUP BY p.id`
          assert.deepStrictEqual(prices, [
            {
              model: "tiny",
              currency: "USD",
              per: 1_000_000,
              input: "0.15",
              output: "0.60",
              cached_input: "0.15",
              since: new Date(Math.min(...found.map(({ createdAt }) => createdAt))),
              calls: 2
            }
          ])
        })
      )

      it.effect("stores whatever a caller typed for a model, and no number that is none", () =>
        Effect.gen(function* () {
          const ledger = yield* Ledger
          const names = [
            "openai/a\0b",
            "openai/\ud800",
            `openai/${"я".repeat(10_000)}`,
            'openai/"}],"v":1}\n{',
            "openai/😀"
          ]
          const calls = names.map((model) => begun({ model, providerModel: model }))
          for (const call of calls) {
            const { model } = call
            ledger.begin(call).end(
              ended({
                providerModel: model,
                latencyMillis: Number.NaN,
                firstTokenMillis: Number.POSITIVE_INFINITY,
                usage: { promptTokens: 1e300, completionTokens: -5, cachedTokens: Number.NaN, reasoningTokens: 0.5 },
                attempts: [{ provider: "openai", model, status: "failed", reason: null, latency_ms: 1 }]
              })
            )
          }
          const before = yield* Effect.forEach(calls, ({ id }) => asked("user_1", id))
          yield* ledger.flush
          const after = yield* Effect.forEach(calls, ({ id }) => asked("user_1", id))
          assert.deepStrictEqual(
            after.map(({ model }) => model),
            ["openai/a\uFFFDb", "openai/\uFFFD", `openai/${"я".repeat(249)}`, 'openai/"}],"v":1}\n{', "openai/😀"]
          )
          const told = after.map((call, index) => ({ ...call, attempts: before[index]?.attempts }))
          assert.deepStrictEqual(told, before)
          for (const { tokens } of after) {
            assert.deepStrictEqual(tokens, { prompt: 2 ** 31 - 1, completion: 0, cached: 0, reasoning: 0 })
          }
        })
      )
    }
  )
}
