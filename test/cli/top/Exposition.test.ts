import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { Exposition, type Sample } from "../../../src/cli/top/Exposition.ts"
import { Metrics } from "../../../src/telemetry/Metrics.ts"

const read = (text: string): Exposition => {
  const told = Exposition.read(text)
  return Result.isSuccess(told) ? told.success : assert.fail(`line ${told.failure.line}: ${told.failure.text}`)
}

const unreadable = (text: string): number =>
  Result.match(Exposition.read(text), { onFailure: ({ line }) => line, onSuccess: () => assert.fail("it was read") })

/** Numbers, and what Go writes for those that JSON has not. */
const notFinite = { NaN: Number.NaN, "+Inf": Number.POSITIVE_INFINITY, "-Inf": Number.NEGATIVE_INFINITY }
const Value = Schema.Union([Schema.Finite, Schema.Int, Schema.Literals(["NaN", "+Inf", "-Inf"])])
const escaped = (value: string) => value.replace(/[\\"\n]/g, (found) => (found === "\n" ? "\\n" : `\\${found}`))

/** Label values with more than their share of what the format is made of. */
const LabelValue = Schema.Array(
  Schema.Union([Schema.String, Schema.Literals(["\\", '"', "\n", "\r", "\u2028", "{", "}", ",", "=", " ", "#", "n"])])
)
const Entry = Schema.Struct({
  name: Schema.String.check(Schema.isPattern(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,10}$/)),
  labels: Schema.Record(Schema.String.check(Schema.isPattern(/^[a-zA-Z_][a-zA-Z0-9_]{0,10}$/)), LabelValue),
  value: Value,
  gap: Schema.Literals(["", " ", "\t "]),
  timestamp: Schema.Literals(["", " 1395066363000", " -1"])
})
const sampleOf = ({ labels, name, value }: typeof Entry.Type): Sample => ({
  name,
  labels: new Map(Object.entries(labels).map(([label, parts]) => [label, parts.join("")])),
  value: typeof value === "string" ? notFinite[value] : value
})

const line = (entry: typeof Entry.Type): string => {
  const { gap, timestamp, value } = entry
  const { labels, name } = sampleOf(entry)
  const inner = Array.from(labels, ([label, of]) => `${gap}${label}${gap}=${gap}"${escaped(of)}"${gap}`).join(",")
  const braces = labels.size === 0 && gap === "" ? "" : `{${inner}}`
  return `${gap}${name}${gap}${braces} ${gap}${Object.is(value, -0) ? "-0" : value}${timestamp}${gap}`
}

describe("Prometheus' text", () => {
  it.prop("is read as it was written, whatever stands in its labels", [Schema.Array(Entry)], ([entries]) => {
    const told = read(entries.map((entry) => `# a comment {\n${line(entry)}\n\n`).join(""))
    for (const name of new Set(entries.map((entry) => entry.name))) {
      assert.deepStrictEqual(told.samples(name), entries.filter((entry) => entry.name === name).map(sampleOf))
    }
  })

  it.prop("that is none is refused at one of its lines, or read", [LabelValue], ([parts]) => {
    const told = Exposition.read(`x 1\n${parts.join("")}`)
    if (Result.isFailure(told)) assert.isAtLeast(told.failure.line, 2)
    else assert.isNotEmpty(told.success.samples("x"))
  })

  it("is refused with the first line that is wrong", () => {
    for (const wrong of [
      "<!doctype html>",
      "name",
      "name{} ",
      "name {} one",
      "name 1 2 3",
      "name 1 soon",
      "1name 1",
      'name{label="open} 1',
      'name{label="open 1',
      "name{label=bare} 1",
      'name{label="a" other="b"} 1',
      'name{,label="a"} 1',
      'name{label="a",label="b"} 1',
      'name{label="\\t"} 1',
      'name{1abel="a"} 1',
      "name Infinity"
    ]) {
      assert.strictEqual(unreadable(`# HELP name of it\nname 1\n${wrong}\nname{} x`), 3, wrong)
    }
  })

  it("has a sum of the series with some labels, whatever others they have", () => {
    const told = read('a{x="1",y="1"} 1\na{x="1",y="2",} 2\na{x="2"} 4\nab{x="1"} 8\n')
    assert.strictEqual(told.sum("a"), 7)
    assert.strictEqual(told.sum("a", { x: "1" }), 3)
    assert.strictEqual(told.sum("a", { x: "1", y: "2" }), 2)
    assert.strictEqual(told.sum("a", { z: "" }), 0)
    assert.strictEqual(told.sum("b"), 0)
    assert.deepStrictEqual([...told.values("a", "y")], ["1", "2"])
  })

  it.effect("is what the gateway tells", () =>
    Effect.gen(function* () {
      const metrics = yield* Metrics
      const provider = 'a "quoted" \\ provider\nof two lines, {braced}'
      metrics.recordRequest(provider, "other")
      metrics.recordLatency(provider, 30)
      metrics.recordTokens(provider, { promptTokens: 2e9, completionTokens: 1, cachedTokens: 0, reasoningTokens: 0 })
      const text = yield* metrics.render
      const told = read(text)
      assert.strictEqual(told.sum("xrouter_requests_total", { provider }), 1)
      assert.strictEqual(told.sum("xrouter_tokens_total", { provider, direction: "input" }), 2e9)
      assert.strictEqual(told.sum("xrouter_request_duration_seconds_bucket", { provider, le: "+Inf" }), 1)
      const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
      const names = new Set(lines.map((line) => line.split(/[{ ]/, 1).join()))
      assert.strictEqual(
        [...names].reduce((sum, name) => sum + told.samples(name).length, 0),
        lines.length
      )
    }).pipe(Effect.provide(Metrics.layer))
  )
})
