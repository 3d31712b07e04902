import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql/SqlClient"
import { layerServer } from "../../src/storage/Database.ts"
import { begun, ended } from "../ledger/calls.ts"
import { startWithNeighbour } from "./usage.ts"

const days = ["2026-01-30", "2026-01-31", "2026-02-01"] as const

/** Calls of two users on three days: 5 priced in roubles, 4 in dollars, 3 without a price; and one that runs. */
const start = Effect.gen(function* () {
  const { caller, databaseUrl, gateway, ledger } = yield* startWithNeighbour
  const [one, two] = [yield* caller, yield* caller]
  const calls = Array.from({ length: 12 }, (_, index) => {
    const model = index < 5 ? "smart" : index < 9 ? "tiny" : "yandexgpt/yandexgpt"
    const { keyId, userId } = index % 2 === 0 ? one : two
    const provider = index < 9 ? "gigachat" : "yandexgpt"
    const call = begun({ model, provider, userId, keyId, streamed: index % 3 === 0 })
    const status = index === 4 ? "failed" : index === 8 ? "cancelled" : "completed"
    return { call, end: ended({ provider, status, usage: usage(index) }), day: days[index % 3] ?? days[0] }
  })
  for (const { call, end } of calls) ledger.begin(call).end(end)
  const running = begun({ model: "smart", userId: one.userId, keyId: one.keyId })
  yield* ledger.begin(running).recorded
  yield* ledger.flush
  return { gateway, one, two, calls, running, databaseUrl }
})

const usage = (index: number) => ({
  promptTokens: 100 + index,
  completionTokens: 10 * index,
  cachedTokens: index,
  reasoningTokens: 1
})

class Subject extends Context.Service<Subject, Effect.Success<typeof start>>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const subject = yield* start
      // All in one second, but a day apart: of one moment there can be many calls.
      yield* Effect.forEach(subject.calls, ({ call, day }) =>
        Effect.flatMap(
          SqlClient,
          (sql) =>
            sql`UPDATE usage SET created_at = ${new Date(`${day}T12:00:00Z`)}::timestamptz WHERE request_id = ${call.requestId}`
        )
      ).pipe(Effect.provide(layerServer(subject.databaseUrl)), Effect.orDie)
      return subject
    })
  )
}

const asked = Effect.fnUntraced(function* (query: string) {
  const { gateway } = yield* Subject
  return yield* gateway.admin("GET", `/usage${query}`)
})

const idsOf = (json: { readonly data: ReadonlyArray<{ readonly request_id: string }> }) =>
  json.data.map(({ request_id }) => request_id).sort()

layer(Subject.layer, { excludeTestServices: true })("GET /admin/v1/usage", (it) => {
  it.effect("tells all calls and what they used together", () =>
    Effect.gen(function* () {
      const { calls, running } = yield* Subject
      const { json } = yield* asked("")
      assert.deepStrictEqual(idsOf(json), [...calls.map(({ call }) => call.requestId), running.requestId].sort())
      assert.isNull(json.next_cursor)
      const sum = (field: keyof ReturnType<typeof usage>) =>
        calls.reduce((total, { end }) => total + (end.usage?.[field] ?? 0), 0)
      assert.deepStrictEqual(json.totals, {
        requests: 13,
        tokens_prompt: sum("promptTokens"),
        tokens_completion: sum("completionTokens"),
        tokens_cached: sum("cachedTokens"),
        tokens_reasoning: sum("reasoningTokens"),
        // Of two currencies there is no one sum.
        cost: null,
        currency: null,
        costs: { RUB: "0.1605", USD: "0.00022" },
        unpriced: 3
      })
      const first = json.data[0]
      assert.strictEqual(first.request_id, running.requestId, "the newest is first")
    })
  )

  it.effect("tells those that every filter lets through, and sums those", () =>
    Effect.gen(function* () {
      const { calls, one, running, two } = yield* Subject
      const expected = (keep: (call: (typeof calls)[number]) => boolean, more: ReadonlyArray<string> = []) =>
        [...calls.filter(keep).map(({ call }) => call.requestId), ...more].sort()
      const cases: ReadonlyArray<readonly [query: string, ids: ReadonlyArray<string>]> = [
        [`user_id=${two.userId}`, expected(({ call }) => call.userId === two.userId)],
        [`key_id=${one.keyId}`, expected(({ call }) => call.keyId === one.keyId, [running.requestId])],
        ["model=tiny", expected(({ call }) => call.model === "tiny")],
        ["provider=yandexgpt", expected(({ call }) => call.provider === "yandexgpt")],
        ["status=failed", expected(({ end }) => end.status === "failed")],
        ["status=pending", [running.requestId]],
        ["status=interrupted", []],
        ["from=2026-01-31&to=2026-02-01", expected(({ day }) => day === days[1])],
        ["to=2026-01-30T12:00:00Z", []],
        ["to=2026-01-30T12:00:00.001Z", expected(({ day }) => day === days[0])],
        ["from=2026-02-01T15:00:00%2B03:00&to=2026-02-02", expected(({ day }) => day === days[2])],
        [
          `user_id=${one.userId}&model=smart&status=completed&from=2026-01-30&to=2026-02-02`,
          expected(
            ({ call, end }) => call.userId === one.userId && call.model === "smart" && end.status === "completed"
          )
        ],
        ["user_id=user_nobody", []]
      ]
      for (const [query, ids] of cases) {
        const { json } = yield* asked(`?${query}`)
        assert.deepStrictEqual(idsOf(json), ids, query)
        assert.strictEqual(json.totals.requests, ids.length, query)
      }
      assert.deepInclude((yield* asked("?model=tiny")).json.totals, { cost: "0.00022", currency: "USD", unpriced: 0 })
      assert.deepInclude((yield* asked("?provider=yandexgpt")).json.totals, { cost: null, costs: {}, unpriced: 3 })
      assert.deepInclude((yield* asked("?user_id=user_nobody")).json.totals, { requests: 0, cost: null, costs: {} })
    })
  )

  it.effect("goes through all of them by the cursor, each once and in order", () =>
    Effect.gen(function* () {
      const all = yield* asked("?to=2026-03-01")
      for (const limit of [1, 5, 11, 12]) {
        const seen: Array<string> = []
        for (let cursor = ""; ;) {
          const { json } = yield* asked(`?to=2026-03-01&limit=${limit}${cursor}`)
          seen.push(...json.data.map(({ request_id }: { readonly request_id: string }) => request_id))
          assert.deepStrictEqual(json.totals, all.json.totals)
          if (json.next_cursor === null) break
          assert.strictEqual(json.data.length, limit)
          cursor = `&cursor=${json.next_cursor}`
        }
        assert.deepStrictEqual(
          seen,
          all.json.data.map(({ request_id }: { readonly request_id: string }) => request_id)
        )
      }
    })
  )

  it.effect("sums by day, user, key, model and provider, and the groups make the total", () =>
    Effect.gen(function* () {
      const { one, two } = yield* Subject
      const fields = { day: "day", user: "user_id", key: "key_id", model: "model", provider: "provider" }
      const keys: Readonly<Record<string, ReadonlyArray<string>>> = {
        day: days,
        user: [one.userId, two.userId],
        key: [one.keyId, two.keyId],
        model: ["smart", "tiny", "yandexgpt/yandexgpt"],
        provider: ["gigachat", "yandexgpt"]
      }
      for (const [by, field] of Object.entries(fields)) {
        const { json } = yield* asked(`?to=2026-03-01&group_by=${by}`)
        assert.deepStrictEqual(
          json.data.map((group: Readonly<Record<string, unknown>>) => group[field]),
          [...(keys[by] ?? [])].sort().reverse(),
          by
        )
        for (const column of ["requests", "tokens_prompt", "tokens_completion", "unpriced"]) {
          const sum = json.data.reduce(
            (total: number, group: Readonly<Record<string, number>>) => total + (group[column] ?? 0),
            0
          )
          assert.strictEqual(sum, json.totals[column], `${by} ${column}`)
        }
        const paged = yield* asked(`?to=2026-03-01&group_by=${by}&limit=1`)
        assert.deepStrictEqual(paged.json.data, json.data.slice(0, 1))
        const rest = yield* asked(`?to=2026-03-01&group_by=${by}&cursor=${paged.json.next_cursor}`)
        assert.deepStrictEqual(rest.json.data, json.data.slice(1))
      }
      const { json } = yield* asked("?group_by=model&to=2026-03-01")
      assert.deepInclude(json.data.at(-1), {
        model: "smart",
        requests: 5,
        cost: "0.1605",
        currency: "RUB",
        unpriced: 0
      })
      assert.deepInclude(json.data[0], {
        model: "yandexgpt/yandexgpt",
        requests: 3,
        cost: null,
        currency: null,
        unpriced: 3
      })
    })
  )

  it.effect("writes the same as CSV", () =>
    Effect.gen(function* () {
      const { json } = yield* asked("?to=2026-03-01")
      const csv = yield* asked("?to=2026-03-01&format=csv")
      assert.match(csv.headers.get("content-type") ?? "", /^text\/csv/)
      const [head, ...lines] = csv.text.split("\r\n")
      assert.strictEqual(lines.pop(), "")
      const columns = Object.keys(json.data[0])
      assert.strictEqual(head, columns.join(","))
      assert.strictEqual(lines.length, 12)
      const first = json.data[0]
      assert.isTrue(lines[0]?.startsWith(`${first.id},${first.request_id},${first.created_at},${first.user_id},`))
      assert.strictEqual((yield* asked("?format=csv&limit=3")).text.split("\r\n").length, 1 + 3 + 1)
      const groups = yield* asked("?to=2026-03-01&format=csv&group_by=model")
      assert.deepStrictEqual(groups.text.split("\r\n").slice(0, 2), [
        "model,requests,tokens_prompt,tokens_completion,tokens_cached,tokens_reasoning,cost,currency,costs,unpriced",
        "yandexgpt/yandexgpt,3,330,300,30,3,,,{},3"
      ])
    })
  )

  it.effect("refuses what is no question, and names the field", () =>
    Effect.gen(function* () {
      const { gateway } = yield* Subject
      const { json } = yield* asked("?limit=1")
      for (const [query, param] of [
        ["limit=0", "limit"],
        ["limit=1001", "limit"],
        ["limit=1.5", "limit"],
        ["limit=many", "limit"],
        ["from=yesterday", "from"],
        ["to=2026-13-01", "to"],
        ["status=lost", "status"],
        ["group_by=hour", "group_by"],
        ["format=xml", "format"],
        ["user_id=", "user_id"],
        ["model=a%00b", "model"],
        ["user=user_1", "user"],
        ["cursor=x", "cursor"],
        ["cursor=", "cursor"],
        [`group_by=day&cursor=${json.next_cursor}`, "cursor"]
      ] as const) {
        const answer = yield* asked(`?${query}`)
        assert.deepStrictEqual([answer.status, answer.json.error.param], [400, param], query)
      }
      const authorization = `Bearer ${yield* gateway.makeKey()}`
      const refused = yield* gateway.request("/admin/v1/usage", { headers: { authorization } })
      assert.strictEqual(refused.status, 401)
    })
  )
})
