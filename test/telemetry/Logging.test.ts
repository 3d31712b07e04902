import { stripVTControlCharacters } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Effect, Layer, Redacted, Schema } from "effect"
import { InternalError } from "../../src/domain/Errors.ts"
import * as Logging from "../../src/telemetry/Logging.ts"
import { LogOptions } from "../../src/telemetry/LogOptions.ts"
import { LogOutput } from "../../src/telemetry/LogOutput.ts"

type Log = LogOptions["Service"]

const lines = (effect: Effect.Effect<void>, log: Partial<Log> = {}): Effect.Effect<ReadonlyArray<string>> => {
  const written: Array<string> = []
  const output = Layer.succeed(LogOutput, { write: (line: string) => void written.push(line) })
  const options = Layer.succeed(LogOptions, { format: "json", level: "info", ...log })
  return effect.pipe(Effect.provide(Logging.layerNoDeps.pipe(Layer.provide([output, options]))), Effect.as(written))
}

const entry = Effect.fnUntraced(function* (effect: Effect.Effect<void>) {
  const written = yield* lines(effect)
  assert.lengthOf(written, 1)
  return JSON.parse(written[0] ?? "")
})

const occurrences = (text: string, part: string): number => text.split(part).length - 1

/** Text with more than its share of what breaks a line, a string or a terminal. */
const anyText = Arbitrary.map(
  Arbitrary.schema(
    Schema.Array(
      Schema.Union([
        Schema.String,
        Schema.Literals(["\n", "\r", "\0", "\u001b", "\u007f", "\u0085", "\u2028", "\u2029", '"', "\\", "\ud83d", "я"])
      ])
    )
  ),
  (parts) => parts.join("")
)

describe("Logging", () => {
  it.effect("writes an entry as one object: time, level, message, then the annotations as fields", () =>
    Effect.gen(function* () {
      const told = yield* entry(
        Effect.logWarning("circuit opened").pipe(
          Effect.annotateLogs({ provider: "gigachat", failures: 5, forced: false, nothing: null })
        )
      )
      assert.deepStrictEqual(told, {
        ts: "1970-01-01T00:00:00.000Z",
        level: "warn",
        message: "circuit opened",
        provider: "gigachat",
        failures: 5,
        forced: false,
        nothing: null
      })
    })
  )

  it.effect("tells which of several processes it is", () =>
    Effect.gen(function* () {
      const [line = ""] = yield* lines(Effect.logInfo("here").pipe(Effect.annotateLogs({ a: 1 })), { worker: 0 })
      const { a, worker } = JSON.parse(line)
      assert.deepStrictEqual([a, worker], [1, 0])
    })
  )

  it.effect("keeps secrets redacted wherever they stand", () =>
    Effect.gen(function* () {
      const secret = Redacted.make("s3cr3t-value")
      const effect = Effect.logInfo("configured", secret, { nested: { deep: [secret] } }).pipe(
        Effect.annotateLogs({ key: secret, provider: { apiKey: secret } }),
        Effect.andThen(Effect.logError("failed", Cause.fail({ message: "no", secret }))),
        Effect.andThen(Effect.logError(new Error("refused", { cause: { secret } })))
      )
      for (const format of ["json", "pretty"] as const) {
        const text = (yield* lines(effect, { format })).join("\n")
        assert.isFalse(text.includes("s3cr3t"), text)
        assert.isTrue(text.includes("<redacted>"), text)
      }
    })
  )

  it.effect("tells an error with its cause once, whether it comes as the message, as a cause or as both", () =>
    Effect.gen(function* () {
      const error = InternalError.databaseUnavailable(new Error("connection to 10.0.0.3 refused"))
      const shapes = [
        Effect.logError("request failed", error),
        Effect.logError("request failed", Cause.fail(error)),
        Effect.logError("request failed", error, Cause.fail(error)),
        Effect.logError("request failed", error, Cause.die(error))
      ]
      for (const shape of shapes) {
        const told = yield* entry(shape)
        assert.strictEqual(told.message, "request failed")
        assert.strictEqual(occurrences(told.cause, "InternalError: The database cannot be reached"), 1, told.cause)
        assert.strictEqual(occurrences(told.cause, "connection to 10.0.0.3 refused"), 1, told.cause)
      }
    })
  )

  it.effect("takes the message from an error that comes alone", () =>
    Effect.gen(function* () {
      const told = yield* entry(Effect.logError(new Error("no route")))
      assert.strictEqual(told.message, "no route")
      assert.include(told.cause, "Error: no route")
    })
  )

  it.effect("renders a defect that is no error", () =>
    Effect.gen(function* () {
      const told = yield* entry(Effect.logError("defect", Cause.die("only text")))
      assert.include(told.cause, "only text")
    })
  )

  it.effect("survives a field that refers to itself", () =>
    Effect.gen(function* () {
      const circular: Record<string, unknown> = { name: "circle" }
      circular["self"] = circular
      const told = yield* entry(Effect.logInfo("state").pipe(Effect.annotateLogs({ circular, size: 10n })))
      assert.include(told.circular, "circle")
      assert.strictEqual(told.size, "10n")
    })
  )

  it.effect("does not let an annotation stand in for the line's own keys", () =>
    Effect.gen(function* () {
      const told = yield* entry(Effect.logInfo("real").pipe(Effect.annotateLogs({ message: "false", level: "fatal" })))
      assert.strictEqual(told.message, "real")
      assert.strictEqual(told.level, "info")
      assert.strictEqual(told.message_, "false")
    })
  )

  it.effect("tells a span's time in milliseconds", () =>
    Effect.gen(function* () {
      const told = yield* entry(Effect.logInfo("migrated").pipe(Effect.withLogSpan("migrations")))
      assert.strictEqual(told.migrations_ms, 0)
    })
  )

  it.effect("writes from the configured level up", () =>
    Effect.gen(function* () {
      const all = Effect.logTrace("t").pipe(
        Effect.andThen(Effect.logDebug("d")),
        Effect.andThen(Effect.logInfo("i")),
        Effect.andThen(Effect.logWarning("w")),
        Effect.andThen(Effect.logError("e")),
        Effect.andThen(Effect.logFatal("f"))
      )
      const told = Effect.fnUntraced(function* (level: LogOptions["Service"]["level"]) {
        return (yield* lines(all, { level })).map((line) => JSON.parse(line).message).join("")
      })
      assert.strictEqual(yield* told("trace"), "tdiwef")
      assert.strictEqual(yield* told("debug"), "diwef")
      assert.strictEqual(yield* told("info"), "iwef")
      assert.strictEqual(yield* told("warn"), "wef")
      assert.strictEqual(yield* told("error"), "ef")
    })
  )

  it.effect("cuts what was not written for a log", () =>
    Effect.gen(function* () {
      const told = yield* entry(Effect.logInfo("x".repeat(1_000_000)))
      assert.isBelow(told.message.length, 40_000)
      assert.match(told.message, /… \(967232 more characters\)$/)
    })
  )

  it.effect.prop(
    "keeps any text in its one line, and gives it back whole",
    { message: anyText, key: anyText, value: anyText },
    ({ key, message, value }) =>
      Effect.gen(function* () {
        // V8 13.6: having parsed an object with the key `a\`, JSON.parse reads the key `a\u0000` as `a\` too.
        const field = `field_${key.replaceAll("\\", "")}`
        const written = yield* lines(Effect.logInfo(message).pipe(Effect.annotateLogs(field, value)))
        assert.lengthOf(written, 1)
        assert.notMatch(written[0] ?? "", /[\p{Cc}\p{Zl}\p{Zp}]/u)
        const told = JSON.parse(written[0] ?? "")
        assert.strictEqual(told.message, message)
        assert.strictEqual(told[field], value)
      })
  )

  it.effect("gives a terminal one line, the cause indented under it, and no command of a caller's", () =>
    Effect.gen(function* () {
      const effect = Effect.logError("bad\u001b[2Jname\nnext", new Error("first\nsecond\u0007")).pipe(
        Effect.annotateLogs({ request_id: "req_1", model: "a b\u001b]0;title\u0007" })
      )
      const [text = ""] = yield* lines(effect, { format: "pretty" })
      const plain = stripVTControlCharacters(text).split("\n")
      assert.match(
        plain[0] ?? "",
        /^\d\d:\d\d:\d\d\.\d{3} ERROR bad\\u001b\[2Jname\\u000anext request_id=req_1 model="a b\\u001b\]0;title\\u0007"$/
      )
      assert.strictEqual(plain[1], "  Error: first")
      assert.strictEqual(plain[2], "  second\\u0007")
    })
  )
})
