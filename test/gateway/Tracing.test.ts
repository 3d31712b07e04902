import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import type { TracingSettings } from "../../src/config/Settings.ts"
import * as Collector from "../support/Collector.ts"
import { eventually } from "../support/Eventually.ts"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { chunk, good } from "./faults.ts"

const prompt = "prompt-c4Nary7x"
const upstreamKey = "sk-c4Nary7x-0123456789abcdef"
const collectorKey = "collector-c4Nary7x"
const messages = [{ role: "user", content: prompt }]

const tracing = (endpoint: string, more: Partial<TracingSettings> = {}): TracingSettings => ({
  endpoint,
  headers: Redacted.make([["x-collector-key", collectorKey]]),
  protocol: "http/json",
  timeout: Duration.seconds(10),
  sampler: { name: "parentbased_always_on", share: 1 },
  resource: new Map([["service.name", "ai"]]),
  queueSize: 2048,
  batchSize: 1,
  interval: Duration.seconds(5),
  ...more
})

/** Says what the model's name asks for; its errors repeat what they were shown. */
const upstream = Effect.suspend(() => {
  let flaky = 0
  return Scripted.make((received) => {
    if (received.method === "GET") return Scripted.json(200, { data: [{ id: "good" }] })
    const { model, stream = false } = JSON.parse(received.text)
    const refused = { error: { message: `no: ${received.text} ${received.headers.authorization}` } }
    switch (model) {
      case "flaky":
        return flaky++ === 0 ? Scripted.json(500, refused) : good(stream)
      case "broken":
        return Scripted.json(500, refused)
      case "picky":
        return Scripted.json(400, refused)
      case "slow":
        return Scripted.steps(
          Scripted.sseHead,
          Scripted.frame(chunk({ role: "assistant", content: "Hi" })),
          Scripted.hang
        )
      case "silent":
        return Scripted.hang
      case "cut":
        return Scripted.steps(
          Scripted.sseHead,
          Scripted.frame(chunk({ role: "assistant", content: "Hi" })),
          Scripted.close
        )
      default:
        return good(stream)
    }
  })
})

class Subject extends Context.Service<
  Subject,
  {
    readonly gateway: TestGateway
    readonly collector: Collector.Collector
    readonly upstream: Scripted.ScriptedUpstream
    readonly key: string
    readonly ask: (model: string, more?: object, headers?: Record<string, string>) => Effect.Effect<Answer>
  }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const collector = yield* Collector.make()
      const scripted = yield* upstream
      const gateway = yield* startGateway({
        tracing: tracing(collector.url),
        providers: providers({
          one: openAiSettings(scripted.url, upstreamKey),
          two: openAiSettings(scripted.url, upstreamKey)
        }),
        models: new Map([
          ["smart", alias(["one/broken"], { fallbacks: ["two/good"] })],
          ["patient", alias(["one/broken", "two/silent"])]
        ])
      })
      const key = yield* gateway.makeKey()
      const ask = (model: string, more: object = {}, headers: Record<string, string> = {}) =>
        gateway.post("/v1/chat/completions", key, { model, messages, ...more }, headers)
      return { gateway, collector, upstream: scripted, key, ask }
    })
  )
}

const idOf = ({ headers }: Answer) => headers.get("x-request-id")

const nanos = (time: string) => BigInt(time)

layer(Subject.layer, { excludeTestServices: true })("a traced request", (it) => {
  it.effect("is a span of the server and one of a client below it, by the conventions of generative AI", () =>
    Effect.gen(function* () {
      const { ask, collector } = yield* Subject
      const before = BigInt(Date.now()) * 1_000_000n
      const answer = yield* ask("one/good")
      const [server, call, ...more] = yield* collector.ofRequest(idOf(answer))
      assert.lengthOf(more, 0)
      assert.match(server.traceId, /^[0-9a-f]{32}$/)
      assert.match(server.spanId, /^[0-9a-f]{16}$/)
      assert.isUndefined(server.parentSpanId)
      assert.strictEqual(server.name, "POST /v1/chat/completions")
      assert.strictEqual(server.kind, 2)
      assert.deepStrictEqual(server.status, { code: 0 })
      const { "enduser.id": user, "xrouter.key_id": keyId, ...told } = server.attributes
      assert.isTrue(typeof user === "string" && typeof keyId === "string")
      assert.deepStrictEqual(told, {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "client.address": "127.0.0.1",
        "xrouter.request_id": idOf(answer),
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "one/good",
        "gen_ai.request.stream": false,
        "gen_ai.response.id": answer.json.id,
        "xrouter.attempts": 1
      })

      assert.strictEqual(call?.name, "chat good")
      assert.strictEqual(call?.kind, 3)
      assert.deepStrictEqual(call?.status, { code: 1 })
      const { "gen_ai.response.time_to_first_chunk": first, ...usual } = call?.attributes ?? {}
      assert.isTrue(typeof first === "number" && first > 0 && first < 60)
      assert.deepStrictEqual(usual, {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "one",
        "gen_ai.request.model": "good",
        "gen_ai.request.stream": false,
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "xrouter.usage.estimated": false,
        "xrouter.attempt.number": 1,
        "xrouter.attempt.kind": "first"
      })
      assert.isTrue(nanos(server.startTimeUnixNano) >= before - 60_000_000_000n)
      assert.isTrue(nanos(server.startTimeUnixNano) <= nanos(call?.startTimeUnixNano ?? "0"))
      assert.isTrue(nanos(call?.startTimeUnixNano ?? "0") < nanos(call?.endTimeUnixNano ?? "0"))
      assert.isTrue(nanos(call?.endTimeUnixNano ?? "0") <= nanos(server.endTimeUnixNano))
      assert.deepInclude(collector.resource(), { "service.name": "ai" })
      assert.strictEqual(collector.upstream.requests[0]?.headers["x-collector-key"], collectorKey)
    })
  )

  it.effect("has a failed call and the same once more, where it was tried again", () =>
    Effect.gen(function* () {
      const { ask, collector } = yield* Subject
      const answer = yield* ask("one/flaky", { stream: true })
      assert.strictEqual(answer.status, 200)
      const [server, failed, served, ...more] = yield* collector.ofRequest(idOf(answer))
      assert.lengthOf(more, 0)
      assert.strictEqual(server.attributes["xrouter.attempts"], 2)
      assert.deepStrictEqual(failed?.status, { code: 2, message: "provider_failed" })
      assert.deepInclude(failed?.attributes ?? {}, {
        "error.type": "provider_failed",
        "http.response.status_code": 500,
        "xrouter.attempt.number": 1,
        "xrouter.attempt.kind": "first"
      })
      assert.notProperty(failed?.attributes ?? {}, "gen_ai.usage.input_tokens")
      assert.deepStrictEqual(served?.status, { code: 1 })
      assert.deepInclude(served?.attributes ?? {}, {
        "gen_ai.request.model": "flaky",
        "gen_ai.request.stream": true,
        "gen_ai.usage.output_tokens": 9,
        "xrouter.attempt.number": 2,
        "xrouter.attempt.kind": "retry"
      })
      assert.isTrue(nanos(failed?.endTimeUnixNano ?? "0") < nanos(served?.startTimeUnixNano ?? "0"))
    })
  )

  it.effect("has the candidate that took over", () =>
    Effect.gen(function* () {
      const { ask, collector } = yield* Subject
      const answer = yield* ask("smart")
      const [server, failed, served, ...more] = yield* collector.ofRequest(idOf(answer))
      assert.lengthOf(more, 0)
      assert.strictEqual(server.attributes["gen_ai.request.model"], "smart")
      assert.strictEqual(failed?.attributes["gen_ai.provider.name"], "one")
      assert.strictEqual(failed?.status.code, 2)
      assert.deepInclude(served?.attributes ?? {}, {
        "gen_ai.provider.name": "two",
        "gen_ai.request.model": "good",
        "xrouter.attempt.kind": "fallback"
      })
      assert.strictEqual(served?.status.code, 1)
    })
  )

  it.effect("tells the reason of an error and none of the provider's words", () =>
    Effect.gen(function* () {
      const { ask, collector } = yield* Subject
      const failed = yield* ask("two/broken")
      const [server, ...calls] = yield* collector.ofRequest(idOf(failed))
      assert.deepStrictEqual(server.status, { code: 2, message: "provider_failed" })
      assert.deepInclude(server.attributes, {
        "http.response.status_code": 502,
        "error.type": "provider_failed",
        "xrouter.error.code": "provider_error"
      })
      assert.deepStrictEqual(
        calls.map(({ attributes, status }) => [attributes["xrouter.attempt.kind"], status.code]),
        [
          ["first", 2],
          ["retry", 2]
        ]
      )

      const cut = yield* ask("two/cut", { stream: true })
      const [streamed, broken] = yield* collector.ofRequest(idOf(cut))
      assert.deepInclude(streamed.attributes, {
        "http.response.status_code": 200,
        "xrouter.error.code": "provider_error"
      })
      assert.strictEqual(streamed.status.code, 2)
      assert.strictEqual(broken?.status.message, streamed.status.message)

      const refused = yield* ask("two/picky")
      const [fine, picky] = yield* collector.ofRequest(idOf(refused))
      assert.deepStrictEqual(fine.status, { code: 0 })
      assert.strictEqual(fine.attributes["http.response.status_code"], 400)
      assert.strictEqual(picky?.status.code, 2)
    })
  )

  it.effect("has no call where none was made", () =>
    Effect.gen(function* () {
      const { ask, collector, gateway } = yield* Subject
      const unknown = yield* ask("nobody/none")
      const [server, ...calls] = yield* collector.ofRequest(idOf(unknown))
      assert.lengthOf(calls, 0)
      assert.strictEqual(server.attributes["error.type"], "model_not_found")
      const nowhere = yield* gateway.request("/nothing?api_key=c4Nary7x")
      const [nothing] = yield* collector.ofRequest(idOf(nowhere))
      assert.strictEqual(nothing.name, "GET unknown")
    })
  )

  for (const [model, phase, kinds] of [
    ["one/slow", "in the middle of its stream", ["first"]],
    ["patient", "before the second candidate says anything", ["first", "fallback"]]
  ] as const) {
    it.effect(`that is left ${phase} ends with a call that was cancelled`, () =>
      Effect.gen(function* () {
        const { collector, gateway, key, upstream } = yield* Subject
        const traceId = crypto.randomUUID().replaceAll("-", "")
        const asked = upstream.requests.length
        const leaving = new AbortController()
        const client = fetch(`${gateway.url}/v1/chat/completions`, {
          method: "POST",
          signal: leaving.signal,
          headers: {
            authorization: `Bearer ${key}`,
            "content-type": "application/json",
            traceparent: `00-${traceId}-00f067aa0ba902b7-01`
          },
          body: JSON.stringify({ model, messages, stream: true })
        })
        yield* eventually(Effect.sync(() => upstream.requests.length === asked + kinds.length))
        // A stream is answered with its first content.
        if (model === "one/slow") yield* Effect.promise(() => client)
        leaving.abort()
        yield* Effect.promise(() => client.catch(() => {}))
        const ofTrace = () => collector.spans().filter((span) => span.traceId === traceId)
        yield* eventually(Effect.sync(() => ofTrace().some(({ kind }) => kind === 2)))
        const calls = ofTrace().filter(({ kind }) => kind === 3)
        const server = ofTrace().find(({ kind }) => kind === 2)
        assert.deepInclude(server?.attributes ?? {}, { "xrouter.cancelled": true })
        assert.deepStrictEqual(server?.status, { code: 0 })
        assert.deepStrictEqual(
          calls.map(({ attributes }) => attributes["xrouter.attempt.kind"]),
          [...kinds]
        )
        assert.deepStrictEqual(calls.at(-1)?.status, { code: 0 })
        assert.strictEqual(calls.at(-1)?.attributes["xrouter.cancelled"], true)
      })
    )
  }

  it.effect("goes on with the caller's trace, and begins one where the header is none", () =>
    Effect.gen(function* () {
      const { ask, collector } = yield* Subject
      const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
      const answer = yield* ask("one/good", {}, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` })
      const [server] = yield* collector.ofRequest(idOf(answer))
      assert.strictEqual(server.traceId, traceId)
      assert.strictEqual(server.parentSpanId, "00f067aa0ba902b7")
      const malformed = yield* ask("one/good", {}, { traceparent: `00-${traceId}-00f067aa0ba902b7` })
      const [own] = yield* collector.ofRequest(idOf(malformed))
      assert.notStrictEqual(own.traceId, traceId)
      assert.isUndefined(own.parentSpanId)
    })
  )

  it.effect("tells its trace in an error, so that it can be found", () =>
    Effect.gen(function* () {
      const { ask, collector } = yield* Subject
      const refused = yield* ask("nobody/none")
      const [server] = yield* collector.ofRequest(idOf(refused))
      assert.strictEqual(refused.json.error.details.trace_id, server.traceId)
      const left = yield* ask("nobody/none", {}, { traceparent: `00-${server.traceId}-00f067aa0ba902b7-00` })
      assert.notProperty(left.json.error.details, "trace_id")
    })
  )

  it.effect("leaves probes out, and has no secret and no prompt", () =>
    Effect.gen(function* () {
      const { ask, collector, gateway, key } = yield* Subject
      yield* gateway.request("/health/live")
      yield* gateway.request("/metrics")
      const last = yield* ask("one/good", { user: prompt })
      yield* collector.ofRequest(idOf(last))
      const told = collector.upstream.requests.map(({ text }) => text).join("\n")
      assert.notInclude(told, "c4Nary7x")
      assert.notInclude(told, key)
      assert.notInclude(told, gateway.adminKey)
      assert.notInclude(told, "/health")
      assert.notInclude(told, '"GET /metrics"')
    })
  )
})

describe("a collector", () => {
  it.effect("gets what is left when the gateway stops", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make()
      const asked = yield* Effect.scoped(
        Effect.gen(function* () {
          const gateway = yield* startGateway({ tracing: tracing(collector.url, { batchSize: 512 }) })
          const key = yield* gateway.makeKey()
          const answer = yield* gateway.chat(key, { model: "sandbox/echo", messages })
          assert.lengthOf(collector.spans(), 0)
          return idOf(answer)
        })
      )
      const found = collector.spans().filter(({ attributes }) => attributes["xrouter.request_id"] === asked)
      assert.lengthOf(found, 1)
    })
  )
})
