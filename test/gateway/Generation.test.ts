import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { begun, ended } from "../ledger/calls.ts"
import { startWithNeighbour } from "./usage.ts"

class Subject extends Context.Service<Subject, Effect.Success<typeof startWithNeighbour>>()("Subject") {
  static readonly layer = Layer.effect(Subject, startWithNeighbour)
}

const asked = Effect.fnUntraced(function* (key: string, query: string) {
  const { gateway } = yield* Subject
  return yield* gateway.request(`/v1/generation${query}`, { headers: { authorization: `Bearer ${key}` } })
})

layer(Subject.layer, { excludeTestServices: true })("GET /v1/generation", (it) => {
  it.effect("tells a call by the answer's id and by the request's", () =>
    Effect.gen(function* () {
      const { caller, ledger } = yield* Subject
      const { key, keyId, userId } = yield* caller
      const call = begun({ userId, keyId, model: "smart", streamed: true })
      const attempts = [
        { provider: "gigachat", model: "GigaChat-2-Max", status: "completed", reason: null, latency_ms: 800 }
      ] as const
      ledger.begin(call).end(ended({ attempts }))
      yield* ledger.flush
      const answer = yield* asked(key, `?id=${call.id}`)
      assert.strictEqual(answer.status, 200)
      assert.match(answer.json.data.created_at, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
      assert.deepStrictEqual(answer.json, {
        data: {
          id: call.id,
          request_id: call.requestId,
          created_at: answer.json.data.created_at,
          user_id: userId,
          key_id: keyId,
          model: "smart",
          provider: "gigachat",
          provider_model: "GigaChat-2-Max",
          streamed: true,
          status: "completed",
          finish_reason: "stop",
          tokens_prompt: 100,
          tokens_completion: 20,
          tokens_cached: 40,
          tokens_reasoning: 5,
          estimated: false,
          cost: "0.026",
          currency: "RUB",
          latency_ms: 812,
          time_to_first_token_ms: 121,
          attempts
        }
      })
      assert.deepStrictEqual((yield* asked(key, `?id=${call.requestId}`)).json, answer.json)
    })
  )

  it.effect("tells no cost where the price is unknown, and no tokens while the call runs", () =>
    Effect.gen(function* () {
      const { caller, ledger } = yield* Subject
      const { key, keyId, userId } = yield* caller
      const call = begun({ userId, keyId })
      const entry = ledger.begin(call)
      yield* entry.recorded
      yield* ledger.flush
      const nothing = { cost: null, currency: null }
      assert.deepInclude((yield* asked(key, `?id=${call.id}`)).json.data, {
        status: "pending",
        tokens_prompt: null,
        tokens_completion: null,
        tokens_cached: null,
        tokens_reasoning: null,
        finish_reason: null,
        latency_ms: null,
        time_to_first_token_ms: null,
        ...nothing
      })
      entry.end(ended())
      yield* ledger.flush
      assert.deepInclude((yield* asked(key, `?id=${call.id}`)).json.data, { tokens_prompt: 100, ...nothing })
    })
  )

  it.effect("is a 404 for what another user called, and for what nobody did", () =>
    Effect.gen(function* () {
      const { caller, ledger } = yield* Subject
      const [mine, other] = [yield* caller, yield* caller]
      const call = begun(mine)
      ledger.begin(call).end(ended())
      yield* ledger.flush
      assert.strictEqual((yield* asked(mine.key, `?id=${call.id}`)).status, 200)
      for (const [key, id] of [
        [other.key, call.id],
        [other.key, call.requestId],
        [mine.key, `${call.id}0`],
        [mine.key, ""],
        [mine.key, "%00"],
        [mine.key, "x".repeat(4000)]
      ] as const) {
        const answer = yield* asked(key, `?id=${id}`)
        assert.strictEqual(answer.status, 404)
        assert.strictEqual(answer.json.error.details.reason, "not_found")
      }
      const without = yield* asked(mine.key, "")
      assert.deepStrictEqual([without.status, without.json.error.param], [400, "id"])
      assert.strictEqual((yield* asked("xr-free-nobody", `?id=${call.id}`)).status, 401)
    })
  )
})
