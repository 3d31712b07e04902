import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import type { CollectorSettings, SettingsValue } from "../../src/config/Settings.ts"
import * as Collector from "../support/Collector.ts"
import { eventually } from "../support/Eventually.ts"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import { closedPort } from "../support/Loopback.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { readExposition } from "../telemetry/exposition.ts"
import { good } from "./faults.ts"

const prompt = "prompt-c4Nary7x"
const upstreamKey = "sk-c4Nary7x-0123456789abcdef"
const collectorKey = "collector-c4Nary7x"
const messages = [{ role: "user", content: prompt }]

const to = (endpoint: string): CollectorSettings => ({
  endpoint,
  headers: Redacted.make([["x-collector-key", collectorKey]]),
  protocol: "http/json",
  timeout: Duration.seconds(10),
  resource: new Map([["service.name", "ai"]])
})

const batching = { queueSize: 100, batchSize: 1, interval: Duration.seconds(5) }

type Exports = Required<Pick<SettingsValue, "tracing" | "metricsExport" | "logExport">>

const exportsTo = (urls: Pick<Collector.Collector, "url" | "metricsUrl" | "logsUrl">): Exports => ({
  tracing: { ...to(urls.url), ...batching, sampler: { name: "parentbased_always_on", share: 1 } },
  metricsExport: { ...to(urls.metricsUrl), interval: Duration.millis(100) },
  logExport: { ...to(urls.logsUrl), ...batching }
})

/** Fails where the model's name says so; its errors repeat what they were shown. */
const upstream = Scripted.make((received) => {
  if (received.method === "GET") return Scripted.json(200, { data: [{ id: "good" }] })
  if (received.path === "/embeddings") {
    return Scripted.json(200, { data: [{ index: 0, embedding: [1, 2] }], usage: { prompt_tokens: 1 } })
  }
  const { model, stream = false } = JSON.parse(received.text)
  return model === "broken"
    ? Scripted.json(500, { error: { message: `no: ${received.text} ${received.headers.authorization}` } })
    : good(stream)
})

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly collector: Collector.Collector
    readonly trusted: Scripted.ScriptedUpstream
    readonly foreign: Scripted.ScriptedUpstream
    readonly key: string
    readonly ask: (model: string, more?: object, headers?: Record<string, string>) => Effect.Effect<Answer>
    readonly embed: (model: string) => Effect.Effect<Answer>
  }
>()("Subject") {
  static readonly layer = (isExporting: boolean) =>
    Layer.effect(
      Subject,
      Effect.gen(function* () {
        const collector = yield* Collector.make()
        const trusted = yield* upstream
        const foreign = yield* upstream
        const gateway = yield* startGateway({
          ...(isExporting ? exportsTo(collector) : {}),
          // A line of the log for what fails.
          logLevel: isExporting ? "warn" : "error",
          providers: providers({
            own: { ...openAiSettings(trusted.url, upstreamKey), propagateTrace: true },
            vendor: openAiSettings(foreign.url, upstreamKey)
          }),
          models: new Map([["both", alias(["own/broken"], { fallbacks: ["vendor/good"] })]])
        })
        const key = yield* gateway.makeKey()
        return {
          gateway,
          collector,
          trusted,
          foreign,
          key,
          ask: (model, more, headers) =>
            gateway.post("/v1/chat/completions", key, { model, messages, ...more }, headers),
          embed: (model) => gateway.post("/v1/embeddings", key, { model, input: "a text" })
        }
      })
    )
}

const idOf = ({ headers }: Answer) => headers.get("x-request-id")

const lastOf = ({ requests }: Scripted.ScriptedUpstream) =>
  requests.findLast(({ method }) => method === "POST")?.headers

const callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
const callersSpan = "00f067aa0ba902b7"

layer(Subject.layer(true), { excludeTestServices: true })("a gateway with a collector", (it) => {
  it.effect("tells it the metrics that /metrics shows", () =>
    Effect.gen(function* () {
      const { ask, collector, gateway } = yield* Subject
      yield* ask("own/good")
      yield* ask("own/good", { stream: true })
      yield* ask("nobody/none")
      const name = 'xrouter_requests_total[["model","own/good"],["provider","own"]]'
      yield* eventually(Effect.sync(() => collector.metrics()?.samples.get(name) === 2))
      const shown = readExposition((yield* gateway.request("/metrics")).text)
      const namesOf = ({ types }: { readonly types: ReadonlyMap<string, string> }) => [...types.keys()].sort()
      yield* eventually(Effect.sync(() => collector.metrics()?.types.size === shown.types.size))
      const told = collector.metrics() ?? (yield* Effect.die("no metrics came"))
      // What is the moment's, or the process's, is another thing a moment later.
      const isOfRequests = (name: string) =>
        /^xrouter_(requests|errors|faults|tokens|request_duration|time_to_first_token)/.test(name)
      const ofRequests = (samples: ReadonlyMap<string, number>) =>
        Object.fromEntries([...samples].filter(([name]) => isOfRequests(name)).sort())
      assert.deepStrictEqual(ofRequests(told.samples), ofRequests(shown.samples))
      assert.deepStrictEqual(namesOf(told), namesOf(shown))
      // Of collectors that take everything.
      for (const signal of ["traces", "metrics", "logs"]) {
        assert.strictEqual(shown.samples.get(`xrouter_telemetry_lost_total[["signal","${signal}"]]`), 0)
      }
      assert.deepInclude(told.resource, { "service.name": "ai" })
    })
  )

  it.effect("tells it each line of the log, a request's with the ids of its span", () =>
    Effect.gen(function* () {
      const { ask, collector } = yield* Subject
      const failed = yield* ask("own/broken")
      const id = idOf(failed)
      const lines = () => collector.records().filter(({ attributes }) => attributes["request_id"] === id)
      yield* eventually(Effect.sync(() => lines().some(({ body }) => body === "request")))
      const [server] = yield* collector.ofRequest(id)
      const { spanId, traceId } = server
      const line = lines().find(({ body }) => body === "request")
      assert.deepInclude(line, { traceId, spanId, flags: 1, severityNumber: 13, severityText: "warn" })
      assert.deepInclude(line?.attributes, {
        route: "/v1/chat/completions",
        status: 502,
        reason: "provider_failed",
        model: "own/broken",
        provider: "own"
      })
      // That it was asked again is told on the way.
      const others = lines().filter(({ body }) => body !== "request")
      assert.isNotEmpty(others)
      for (const other of others) assert.deepInclude(other, { traceId, spanId })
    })
  )

  it.effect("tells a provider that is trusted which call of the trace it is, and no other", () =>
    Effect.gen(function* () {
      const { ask, collector, embed, foreign, trusted } = yield* Subject
      for (const stream of [false, true]) {
        const answer = yield* ask("both", { stream })
        const [{ traceId }, first, retried] = yield* collector.ofRequest(idOf(answer))
        assert.deepStrictEqual(
          [first, retried].map((call) => call?.attributes["gen_ai.provider.name"]),
          ["own", "vendor"]
        )
        assert.strictEqual(lastOf(trusted)?.["traceparent"], `00-${traceId}-${first?.spanId}-01`)
        assert.notProperty(lastOf(trusted), "tracestate")
        for (const name of ["traceparent", "tracestate"]) assert.notProperty(lastOf(foreign), name)
      }
      const embedded = yield* embed("own/vectors")
      assert.strictEqual(embedded.status, 200)
      const [{ traceId }, call] = yield* collector.ofRequest(idOf(embedded))
      assert.strictEqual(lastOf(trusted)?.["traceparent"], `00-${traceId}-${call?.spanId}-01`)
    })
  )

  it.effect("tells each try by its own span", () =>
    Effect.gen(function* () {
      const { ask, collector, trusted } = yield* Subject
      const before = trusted.requests.length
      const [{ traceId }, ...calls] = yield* collector.ofRequest(idOf(yield* ask("own/broken")))
      assert.lengthOf(calls, 2)
      assert.deepStrictEqual(
        trusted.requests.slice(before).map(({ headers }) => headers["traceparent"]),
        calls.map(({ spanId }) => `00-${traceId}-${spanId}-01`)
      )
    })
  )

  it.effect("hands a caller's trace on: its state as it came, and all of it where the caller does not sample", () =>
    Effect.gen(function* () {
      const { ask, collector, trusted } = yield* Subject
      const tracestate = "vendor=a:b,other=1"
      const sampled = { traceparent: `00-${callersTrace}-${callersSpan}-01`, tracestate }
      const [server, call] = yield* collector.ofRequest(idOf(yield* ask("own/good", {}, sampled)))
      assert.strictEqual(server.traceId, callersTrace)
      assert.deepInclude(lastOf(trusted), { traceparent: `00-${callersTrace}-${call?.spanId}-01`, tracestate })

      const traceparent = `00-${callersTrace}-${callersSpan}-00`
      yield* ask("own/good", {}, { traceparent, tracestate })
      assert.deepInclude(lastOf(trusted), { traceparent, tracestate })

      yield* ask("own/good", {}, { ...sampled, tracestate: "x=".padEnd(600, "y") })
      assert.notProperty(lastOf(trusted), "tracestate")
      // A state without a parent belongs to nothing.
      yield* ask("own/good", {}, { tracestate })
      assert.notProperty(lastOf(trusted), "tracestate")
    })
  )

  it.effect("tells no secret and no prompt by any of the three", () =>
    Effect.gen(function* () {
      const { ask, collector, gateway, key } = yield* Subject
      const failed = yield* ask("own/broken", { user: prompt })
      yield* collector.ofRequest(idOf(failed))
      yield* eventually(
        Effect.sync(() => collector.records().some(({ attributes }) => attributes["request_id"] === idOf(failed)))
      )
      const told = collector.upstream.requests.map(({ path, text }) => `${path} ${text}`).join("\n")
      for (const signal of ["traces", "metrics", "logs"]) assert.include(told, `/v1/${signal} `)
      for (const secret of ["c4Nary7x", key, gateway.adminKey]) assert.notInclude(told, secret)
      for (const { headers } of collector.upstream.requests) {
        assert.strictEqual(headers["x-collector-key"], collectorKey)
      }
    })
  )
})

layer(Subject.layer(false), { excludeTestServices: true })("a gateway without a collector", (it) => {
  it.effect("hands a caller's trace on as it came to a provider that is trusted, and makes up none", () =>
    Effect.gen(function* () {
      const { ask, foreign, trusted } = yield* Subject
      const traceparent = `00-${callersTrace}-${callersSpan}-01`
      yield* ask("both", {}, { traceparent, tracestate: "vendor=1" })
      assert.deepInclude(lastOf(trusted), { traceparent, tracestate: "vendor=1" })
      assert.notProperty(lastOf(foreign), "traceparent")
      assert.notProperty(lastOf(foreign), "tracestate")
      for (const headers of [{}, { traceparent: "00-1-2-3", tracestate: "vendor=1" }] as const) {
        yield* ask("own/good", {}, headers)
        assert.notProperty(lastOf(trusted), "traceparent")
        assert.notProperty(lastOf(trusted), "tracestate")
      }
    })
  )
})

describe("collectors", () => {
  it.effect("that are down cost no answer", () =>
    Effect.gen(function* () {
      const nowhere = `http://127.0.0.1:${yield* closedPort}`
      const gateway = yield* startGateway({
        ...exportsTo({ url: nowhere, metricsUrl: nowhere, logsUrl: nowhere }),
        logLevel: "error"
      })
      const key = yield* gateway.makeKey()
      for (let i = 0; i < 20; i++) {
        const { status } = yield* gateway.chat(key, { model: "sandbox/echo", messages })
        assert.strictEqual(status, 200)
      }
    }).pipe(Effect.scoped)
  )

  it.live("get what is left when the gateway stops, the last request in the metrics too", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make()
      const { logExport, metricsExport, tracing } = exportsTo(collector)
      const asked = yield* Effect.scoped(
        Effect.gen(function* () {
          const gateway = yield* startGateway({
            tracing: tracing && { ...tracing, batchSize: 100 },
            metricsExport: metricsExport && { ...metricsExport, interval: Duration.minutes(1) },
            logExport: logExport && { ...logExport, batchSize: 100 },
            logLevel: "warn",
            providers: providers({ own: openAiSettings(`http://127.0.0.1:${yield* closedPort}`) })
          })
          const key = yield* gateway.makeKey()
          const answer = yield* gateway.chat(key, { model: "own/any", messages })
          assert.lengthOf(collector.upstream.requests, 0)
          return idOf(answer)
        })
      )
      assert.isTrue(collector.spans().some(({ attributes }) => attributes["xrouter.request_id"] === asked))
      assert.isTrue(collector.records().some(({ attributes }) => attributes["request_id"] === asked))
      const name = 'xrouter_errors_total[["code","provider_error"],["provider","own"]]'
      assert.strictEqual(collector.metrics()?.samples.get(name), 1)
    })
  )
})
