import { stripVTControlCharacters } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { LogOptions } from "../../src/telemetry/LogOptions.ts"
import { LogOutput } from "../../src/telemetry/LogOutput.ts"
import { RequestLog, type RequestRecord } from "../../src/telemetry/RequestLog.ts"

const served: RequestRecord = {
  requestId: "req_1",
  method: "POST",
  route: "/v1/chat/completions",
  status: 200,
  stream: true,
  durationMillis: 1234.5678,
  ip: "10.0.0.7",
  keyId: "key_1",
  userId: "user_1",
  model: "smart",
  provider: "gigachat",
  providerModel: "GigaChat-2-Max",
  usage: { promptTokens: 12, completionTokens: 30, cachedTokens: 4, reasoningTokens: 0 },
  overheadMillis: 0.31234,
  firstTokenMillis: 480
}

const refused: RequestRecord = {
  requestId: "req_2",
  method: "POST",
  route: "/v1/chat/completions",
  status: 429,
  stream: false,
  durationMillis: 0.2,
  code: "rate_limit_error",
  reason: "requests_per_minute"
}

const failedStream: RequestRecord = { ...served, status: 200, code: "provider_error", reason: "provider_timeout" }

const lines = (
  options: LogOptions["Service"],
  ...records: ReadonlyArray<RequestRecord>
): Effect.Effect<ReadonlyArray<string>> => {
  const written: Array<string> = []
  const output = Layer.succeed(LogOutput, { write: (line: string) => void written.push(line) })
  return Effect.gen(function* () {
    const log = yield* RequestLog
    for (const record of records) log.write(record)
    return written
  }).pipe(Effect.provide(RequestLog.layerNoDeps.pipe(Layer.provide([output, Layer.succeed(LogOptions, options)]))))
}

const json = { format: "json", level: "info" } as const

describe("RequestLog", () => {
  it.effect("tells the trace of a request that has one", () =>
    Effect.gen(function* () {
      const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
      const [line = ""] = yield* lines(json, { ...served, traceId })
      assert.strictEqual(JSON.parse(line).trace_id, traceId)
      const [without = ""] = yield* lines(json, served)
      assert.notProperty(JSON.parse(without), "trace_id")
      const [pretty = ""] = yield* lines({ format: "pretty", level: "info" }, { ...served, traceId })
      assert.include(stripVTControlCharacters(pretty), `trace_id=${traceId}`)
    })
  )

  it.effect("tells which of several processes has served a request, in either form", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* lines({ ...json, worker: 3 }, served)
      assert.deepStrictEqual(JSON.parse(line), { ...JSON.parse((yield* lines(json, served)).join()), worker: 3 })
      const [pretty = ""] = yield* lines({ format: "pretty", level: "info", worker: 3 }, served)
      assert.match(pretty, / worker=3$/)
    })
  )

  it.effect("tells a served request in one object, times to a microsecond", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 10, 23, 4, 5, 6, 7))
      const [line = ""] = yield* lines(json, served)
      assert.deepStrictEqual(JSON.parse(line), {
        ts: "2026-11-23T04:05:06.007Z",
        level: "info",
        message: "request",
        request_id: "req_1",
        method: "POST",
        route: "/v1/chat/completions",
        status: 200,
        key_id: "key_1",
        user_id: "user_1",
        ip: "10.0.0.7",
        model: "smart",
        provider: "gigachat",
        provider_model: "GigaChat-2-Max",
        stream: true,
        tokens_prompt: 12,
        tokens_completion: 30,
        tokens_cached: 4,
        duration_ms: 1234.568,
        overhead_ms: 0.312,
        time_to_first_token_ms: 480
      })
    })
  )

  it.effect("leaves out what a refused request has not", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* lines(json, refused)
      assert.deepStrictEqual(JSON.parse(line), {
        ts: "1970-01-01T00:00:00.000Z",
        level: "info",
        message: "request",
        request_id: "req_2",
        method: "POST",
        route: "/v1/chat/completions",
        status: 429,
        code: "rate_limit_error",
        reason: "requests_per_minute",
        stream: false,
        duration_ms: 0.2
      })
    })
  )

  it.effect("tells the second it is, whichever was told before", () =>
    Effect.gen(function* () {
      const written: Array<string> = []
      const output = Layer.succeed(LogOutput, { write: (line: string) => void written.push(JSON.parse(line).ts) })
      const moments = [999, 1000, 1001, 59_999, 60_000].map((millis) => Date.UTC(2026, 11, 31, 23, 59, 0, millis))
      yield* Effect.gen(function* () {
        const log = yield* RequestLog
        for (const moment of moments) {
          yield* TestClock.setTime(moment)
          log.write(served)
        }
      }).pipe(Effect.provide(RequestLog.layerNoDeps.pipe(Layer.provide([output, Layer.succeed(LogOptions, json)]))))
      assert.deepStrictEqual(
        written,
        moments.map((moment) => new Date(moment).toISOString())
      )
    })
  )

  it.effect("says that the client left", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* lines(json, { ...served, cancelled: true })
      assert.strictEqual(JSON.parse(line).cancelled, true)
    })
  )

  it.effect("warns of a failure of ours or of a provider's, also after a stream's 200", () =>
    Effect.gen(function* () {
      const internal = { ...refused, status: 500, code: "internal_error" } as const
      const written = yield* lines(json, failedStream, internal, served, refused)
      assert.deepStrictEqual(
        written.map((line) => JSON.parse(line).level),
        ["warn", "warn", "info", "info"]
      )
    })
  )

  it.effect("writes what the level lets through", () =>
    Effect.gen(function* () {
      const count = (level: LogOptions["Service"]["level"]) =>
        Effect.map(lines({ format: "json", level }, served, failedStream), (written) => written.length)
      assert.strictEqual(yield* count("trace"), 2)
      assert.strictEqual(yield* count("debug"), 2)
      assert.strictEqual(yield* count("info"), 2)
      assert.strictEqual(yield* count("warn"), 1)
      assert.strictEqual(yield* count("error"), 0)
    })
  )

  for (const format of ["json", "pretty"] as const) {
    it.effect(`keeps a typed model's name within its ${format} line, and short`, () =>
      Effect.gen(function* () {
        const model = `x"\n{"level":"fatal"}\r\u001b[2J\u0085\u2028${"y".repeat(10_000)}`
        const [line = ""] = yield* lines({ format, level: "info" }, { ...served, model })
        assert.notMatch(stripVTControlCharacters(line), /[\p{Cc}\p{Zl}\p{Zp}]/u)
        assert.isFalse(line.includes("\u001b[2J"))
        assert.isBelow(line.length, 1200)
        if (format === "json") assert.strictEqual(JSON.parse(line).model, `${model.slice(0, 256)}…`)
      })
    )
  }

  it.effect("is read at a glance on a terminal", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* lines({ format: "pretty", level: "info" }, served)
      assert.match(
        stripVTControlCharacters(line),
        /^\d\d:\d\d:\d\d\.\d{3} INFO {2}POST \/v1\/chat\/completions 200 1234\.568 ms model=smart served_by=gigachat\/GigaChat-2-Max stream=true tokens=12\+30 overhead_ms=0\.312 first_token_ms=480 request_id=req_1$/
      )
    })
  )
})
