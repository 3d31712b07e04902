import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { isJsonObject, type JsonObject } from "../../src/domain/Json.ts"
import { formatMicros, parseDecimal } from "../../src/ledger/Money.ts"
import { makeTariff } from "../../src/ledger/Pricing.ts"
import { layerServer } from "../../src/storage/Database.ts"
import { rowsOf, temporaryFolder } from "../ledger/calls.ts"
import { eventually } from "../support/Eventually.ts"
import { adminKey, type Answer, gatewayAt, startGateway, type TestGateway } from "../support/Gateway.ts"
import { startProcess } from "../support/GatewayProcess.ts"
import { startPostgres } from "../support/Postgres.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { freshDatabase } from "../support/TestDatabase.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { readExposition, valueOf } from "../telemetry/exposition.ts"

/** What the upstream says that the call with this number used: of each number something else. */
const usageOf = (call: number) => ({
  prompt: 10 + call,
  completion: 1 + (call % 37),
  cached: call % 5,
  reasoning: call % 2
})

const usageBody = (call: number) => {
  const { cached, completion, prompt, reasoning } = usageOf(call)
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning }
  }
}

const price = { input: "0.20", output: "0.613", cachedInput: "0.05", currency: "RUB", per: 1000 }
const tariff = makeTariff("smart", price)

/** The number is the last message. By the model's name the upstream answers, fails at once, breaks off or says no more. */
const upstream = Scripted.make(({ body, path }) => {
  if (!path.endsWith("/chat/completions") || !isJsonObject(body)) return Scripted.json(404, {})
  const call = numberOf(body)
  const common = { id: "x", created: 1, model: "m" }
  const chunk = (more: JsonObject) => Scripted.frame({ ...common, object: "chat.completion.chunk", ...more })
  const content = chunk({
    choices: [{ index: 0, delta: { role: "assistant", content: "Some words" }, finish_reason: null }]
  })
  if (body["model"] === "fails") return Scripted.json(500, { error: { message: "broken" } })
  if (body["model"] === "hangs") return Scripted.steps(Scripted.sseHead, content, Scripted.hang)
  if (body["model"] === "breaks") return Scripted.steps(Scripted.sseHead, content, Scripted.reset)
  if (body["stream"] !== true) {
    const message = { role: "assistant", content: "Some words" }
    const choices = [{ index: 0, message, finish_reason: "stop" }]
    return Scripted.json(200, { ...common, object: "chat.completion", choices, usage: usageBody(call) })
  }
  return Scripted.steps(
    Scripted.sseHead,
    content,
    chunk({ choices: [{ index: 0, delta: {}, finish_reason: "length" }] }),
    chunk({ choices: [], usage: usageBody(call) }),
    Scripted.frame("[DONE]"),
    Scripted.end
  )
})

const numberOf = (body: JsonObject): number => {
  const [message]: ReadonlyArray<unknown> = Array.isArray(body["messages"]) ? body["messages"] : []
  return isJsonObject(message) ? Number(message["content"]) : Number.NaN
}

const question = (model: string, call: number, stream: boolean) => ({
  model,
  messages: [{ role: "user", content: String(call) }],
  stream,
  ...(stream ? { stream_options: { include_usage: true } } : {})
})

/** Asks for a stream, reads the first of it and leaves; answers the id of the request. */
const abandon = (gateway: TestGateway, key: string, body: unknown) =>
  Effect.promise(async (signal) => {
    const controller = new AbortController()
    signal.addEventListener("abort", () => controller.abort())
    const response = await begin(gateway, key, body, controller.signal)
    controller.abort()
    return response
  })

/** Asks for a stream, and reads the first of it. */
const begin = async (gateway: TestGateway, key: string, body: unknown, signal: AbortSignal) => {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal
  })
  assert.strictEqual(response.status, 200)
  await response.body?.getReader().read()
  return response.headers.get("x-request-id") ?? ""
}

const idOf = (answer: Answer): string => answer.headers.get("x-request-id") ?? ""

const usage = (gateway: TestGateway, query = "") =>
  Effect.map(gateway.admin("GET", `/usage?limit=1000${query}`), ({ json }) => json)

describe("the usage of calls", () => {
  it.live(
    "is what the upstream said, call by call and in sum, whatever became of them",
    () =>
      Effect.gen(function* () {
        const openai = yield* upstream
        const kinds = ["json", "stream", "priced json", "priced stream", "abandoned", "failed", "broken"] as const
        const settings = openAiSettings(`${openai.url}/v1`)
        // A provider for each call that fails, so that no circuit opens.
        const failing = Array.from({ length: 300 }, (_, call) => [`p${call}`, settings] as const).filter(
          (_, call) => call % kinds.length > 4
        )
        const gateway = yield* startGateway({
          providers: new Map([["openai", settings], ...failing]),
          models: new Map([["smart", alias(["openai/ok"], { price })]])
        })
        const key = yield* gateway.makeKey()
        const calls = yield* Effect.forEach(
          Array.from({ length: 300 }, (_, call) => call),
          Effect.fnUntraced(function* (call) {
            const kind = kinds[call % kinds.length] ?? "json"
            const isPriced = kind.startsWith("priced")
            switch (kind) {
              case "abandoned":
                return { call, kind, requestId: yield* abandon(gateway, key, question("openai/hangs", call, true)) }
              case "failed": {
                const answer = yield* gateway.chat(key, question(`p${call}/fails`, call, call % 2 === 0))
                assert.strictEqual(answer.status, 502)
                return { call, kind, requestId: idOf(answer) }
              }
              case "broken": {
                const answer = yield* gateway.chat(key, question(`p${call}/breaks`, call, true))
                assert.include(answer.text, "provider_error")
                return { call, kind, requestId: idOf(answer) }
              }
              default: {
                const isStream = kind.endsWith("stream")
                const answer = yield* gateway.chat(key, question(isPriced ? "smart" : "openai/ok", call, isStream))
                assert.strictEqual(answer.status, 200)
                return { call, kind, requestId: idOf(answer) }
              }
            }
          }),
          { concurrency: 20 }
        )
        yield* eventually(Effect.map(usage(gateway, "&status=pending"), ({ totals }) => totals.requests === 0))

        const { data, totals } = yield* usage(gateway)
        assert.strictEqual(data.length, 300)
        const rows = new Map<string, JsonObject>(data.map((row: JsonObject) => [row["request_id"], row]))
        assert.deepStrictEqual([...rows.keys()].sort(), calls.map(({ requestId }) => requestId).sort())

        const told = { prompt: 0, completion: 0, cached: 0, reasoning: 0 }
        let micros = 0n
        for (const { call, kind, requestId } of calls) {
          const row = rows.get(requestId) ?? {}
          const isStream = kind !== "json" && kind !== "priced json" && !(kind === "failed" && call % 2 === 1)
          const provider = kind === "failed" || kind === "broken" ? `p${call}` : "openai"
          assert.deepInclude(row, { provider, streamed: isStream }, kind)
          switch (kind) {
            case "abandoned":
            case "broken":
              assert.deepInclude(row, {
                status: kind === "broken" ? "failed" : "cancelled",
                estimated: true,
                finish_reason: null,
                cost: null
              })
              // What was asked, and what had been written so far.
              assert.isAbove(Number(row["tokens_prompt"]), 0)
              assert.isAbove(Number(row["tokens_completion"]), 0)
              told.prompt += Number(row["tokens_prompt"])
              told.completion += Number(row["tokens_completion"])
              break
            case "failed":
              assert.deepInclude(row, { status: "failed", tokens_prompt: 0, tokens_completion: 0, cost: null })
              break
            default: {
              const { cached, completion, prompt, reasoning } = usageOf(call)
              const cost = kind.startsWith("priced") ? tariff.costOf(usageOf(call)).micros : undefined
              assert.deepInclude(row, {
                status: "completed",
                provider_model: "ok",
                model: cost === undefined ? "openai/ok" : "smart",
                finish_reason: isStream ? "length" : "stop",
                tokens_prompt: prompt,
                tokens_completion: completion,
                tokens_cached: cached,
                tokens_reasoning: reasoning,
                estimated: false,
                cost: cost === undefined ? null : formatMicros(cost),
                currency: cost === undefined ? null : "RUB"
              })
              assert.isNumber(row["latency_ms"])
              told.prompt += prompt
              told.completion += completion
              told.cached += cached
              told.reasoning += reasoning
              micros += cost ?? 0n
            }
          }
          const attempts = Array.isArray(row["attempts"]) ? row["attempts"] : []
          assert.isAtLeast(attempts.length, 1, kind)
        }
        assert.deepStrictEqual(
          [totals.tokens_prompt, totals.tokens_completion, totals.tokens_cached, totals.tokens_reasoning],
          [told.prompt, told.completion, told.cached, told.reasoning]
        )
        assert.strictEqual(parseDecimal(totals.costs.RUB) / 1_000_000n, micros)
        const priced = calls.filter(({ kind }) => kind.startsWith("priced")).length
        assert.deepInclude(totals, { requests: 300, unpriced: 300 - priced })
      }),
    60_000
  )

  it.live("is told to its own user, by the answer's id too", () =>
    Effect.gen(function* () {
      const openai = yield* upstream
      const gateway = yield* startGateway({ providers: providers({ openai: openAiSettings(`${openai.url}/v1`) }) })
      const key = yield* gateway.makeKey()
      const answer = yield* gateway.chat(key, question("openai/ok", 7, false))
      const ask = (id: string) =>
        gateway.request(`/v1/generation?id=${id}`, { headers: { authorization: `Bearer ${key}` } })
      yield* eventually(Effect.map(ask(idOf(answer)), ({ json }) => json.data.status === "completed"))
      const { json } = yield* ask(answer.json.id)
      assert.deepInclude(json.data, { id: answer.json.id, request_id: idOf(answer), tokens_prompt: 17 })
      assert.deepStrictEqual(
        json.data.attempts.map(({ provider, reason, status }: JsonObject) => [provider, status, reason]),
        [["openai", "completed", null]]
      )
    })
  )

  it.live("has no row for a request that was refused before a provider was tried", () =>
    Effect.gen(function* () {
      const openai = yield* upstream
      const gateway = yield* startGateway({ providers: providers({ openai: openAiSettings(`${openai.url}/v1`) }) })
      const key = yield* gateway.makeKey({ limits: { rpm: 1 } })
      const statuses = [
        yield* gateway.chat("xr-free-nobody", question("openai/ok", 1, false)),
        yield* gateway.chat(key, "no json"),
        yield* gateway.chat(key, question("nothing", 1, false)),
        yield* gateway.chat(key, question("openai/ok", 1, false)),
        yield* gateway.chat(key, question("openai/ok", 1, true))
      ].map(({ status }) => status)
      assert.deepStrictEqual(statuses, [401, 400, 404, 200, 429])
      yield* eventually(Effect.map(usage(gateway, "&status=completed"), ({ totals }) => totals.requests === 1))
      assert.strictEqual((yield* usage(gateway)).totals.requests, 1)
    })
  )
})

describe("a gateway that is killed", () => {
  it.live(
    "has one row for each call that it let in, when it is started again on its folder",
    () =>
      Effect.gen(function* () {
        const openai = yield* upstream
        const environment = {
          DATABASE_URL: yield* Effect.orDie(freshDatabase),
          XROUTER_DATA_DIR: yield* temporaryFolder,
          XROUTER_ADMIN_KEY: adminKey,
          XROUTER_JWT_SECRETS: `one:${Buffer.from("a secret of 32 bytes, or some more").toString("base64")}`,
          OPENAI_API_KEY: "sk-test-0123456789abcdef",
          OPENAI_BASE_URL: `${openai.url}/v1`
        }
        const scope = yield* Scope.fork(yield* Effect.scope)
        const gateway = gatewayAt((yield* Scope.provide(startProcess(environment), scope)).url, adminKey)
        const key = yield* gateway.makeKey()
        const done = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, call) => call),
          (call) => Effect.map(gateway.chat(key, question("openai/ok", call, call % 2 === 0)), idOf),
          { concurrency: 10 }
        )
        // Their ends are on the disk once they can be asked for.
        yield* eventually(Effect.map(usage(gateway, "&status=completed"), ({ totals }) => totals.requests === 20))
        const open = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, call) => call),
          (call) => Effect.promise((signal) => begin(gateway, key, question("openai/hangs", call, true), signal)),
          { concurrency: 20 }
        )
        yield* Scope.close(scope, Exit.void)

        const again = gatewayAt((yield* startProcess(environment)).url, adminKey)
        yield* eventually(Effect.map(usage(again), ({ totals }) => totals.requests === 40))
        const { data } = yield* usage(again)
        const byStatus = (status: string) =>
          data.filter((row: JsonObject) => row["status"] === status).map((row: JsonObject) => row["request_id"])
        assert.deepStrictEqual(byStatus("completed").sort(), done.sort())
        assert.deepStrictEqual(byStatus("interrupted").sort(), open.sort())
      }),
    60_000
  )
})

describe("while PostgreSQL is away", () => {
  it.live(
    "known callers are served, their usage waits, and has arrived 3 seconds after it is back",
    () =>
      Effect.gen(function* () {
        const openai = yield* upstream
        const server = yield* startPostgres
        const databaseUrl = Redacted.make(server.url("postgres"))
        const gateway = yield* startGateway({
          databaseUrl,
          providers: providers({ openai: openAiSettings(`${openai.url}/v1`) })
        })
        const key = yield* gateway.makeKey()
        const call = (number: number) => gateway.chat(key, question("openai/ok", number, number % 2 === 0))
        const waiting = Effect.map(gateway.request("/metrics"), ({ text }) =>
          valueOf(readExposition(text), "xrouter_usage_pending")
        )
        const across = yield* Effect.forkScoped(
          Effect.forEach(
            Array.from({ length: 40 }, (_, index) => index),
            call,
            { concurrency: 2 }
          )
        )
        const first = yield* call(100)
        yield* server.kill
        const during = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, index) => 200 + index),
          call,
          { concurrency: 4 }
        )
        const answers = [first, ...(yield* Fiber.join(across)), ...during]
        assert.deepStrictEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
        yield* eventually(Effect.map(waiting, (count) => count >= 20))
        const told = yield* gateway.request(`/v1/generation?id=${during.map(idOf)[0]}`, {
          headers: { authorization: `Bearer ${key}` }
        })
        assert.strictEqual(told.json.data.status, "completed")
        const refused = yield* gateway.admin("GET", "/usage")
        assert.deepStrictEqual([refused.status, refused.json.error.details.reason], [503, "database_unavailable"])

        yield* server.restart
        const start = performance.now()
        const rows = rowsOf(answers.map(idOf)).pipe(Effect.provide(Layer.orDie(layerServer(databaseUrl))), Effect.orDie)
        yield* eventually(Effect.map(rows, (rows) => rows.length === answers.length))
        assert.isBelow(performance.now() - start, 3000)
        assert.deepStrictEqual(new Set((yield* rows).map(({ status }) => status)), new Set(["completed"]))
        yield* eventually(Effect.map(waiting, (count) => count === 0))
      }),
    30_000
  )
})
