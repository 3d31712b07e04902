import { assert, describe, it } from "@effect/vitest"
import { callersContext } from "../../src/telemetry/TraceContext.ts"
import { traceParent } from "../../src/telemetry/TraceParent.ts"
import { traceSampler } from "../../src/telemetry/TraceSampler.ts"

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736"
const spanId = "00f067aa0ba902b7"

describe("a traceparent", () => {
  it("names the caller's trace and span, and whether it is sampled", () => {
    assert.deepStrictEqual(traceParent(`00-${traceId}-${spanId}-01`), { traceId, spanId, isSampled: true })
    assert.deepStrictEqual(traceParent(`00-${traceId}-${spanId}-00`), { traceId, spanId, isSampled: false })
    assert.strictEqual(traceParent(`00-${traceId}-${spanId}-03`)?.isSampled, true)
  })

  it("of a later version may say more", () => {
    assert.deepStrictEqual(traceParent(`cc-${traceId}-${spanId}-01-what-comes`), { traceId, spanId, isSampled: true })
  })

  for (const [name, header] of [
    ["is missing", undefined],
    ["is empty", ""],
    ["is of this version and says more", `00-${traceId}-${spanId}-01-more`],
    ["has the version 255", `ff-${traceId}-${spanId}-01`],
    ["has large letters", `00-${traceId.toUpperCase()}-${spanId}-01`],
    ["has a short trace", `00-${traceId.slice(1)}-${spanId}-01`],
    ["has a trace of zeros", `00-${"0".repeat(32)}-${spanId}-01`],
    ["has a span of zeros", `00-${traceId}-${"0".repeat(16)}-01`],
    ["has no flags", `00-${traceId}-${spanId}`],
    ["is two", `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`],
    ["has a line's end", `00-${traceId}-${spanId}-01\n`]
  ] as const) {
    it(`that ${name} is none`, () => {
      assert.isUndefined(traceParent(header))
    })
  }
})

describe("a sampler", () => {
  const parent = (isSampled: boolean) => ({ traceId, spanId, isSampled })
  const decides = (name: Parameters<typeof traceSampler>[0]["name"], share = 1) => {
    const sampler = traceSampler({ name, share })
    return [sampler(traceId, undefined), sampler(traceId, parent(true)), sampler(traceId, parent(false))]
  }

  it("obeys the caller where it is asked to", () => {
    assert.deepStrictEqual(decides("always_on"), [true, true, true])
    assert.deepStrictEqual(decides("always_off"), [false, false, false])
    assert.deepStrictEqual(decides("traceidratio", 0), [false, false, false])
    assert.deepStrictEqual(decides("traceidratio", 1), [true, true, true])
    assert.deepStrictEqual(decides("parentbased_always_on"), [true, true, false])
    assert.deepStrictEqual(decides("parentbased_always_off"), [false, true, false])
    assert.deepStrictEqual(decides("parentbased_traceidratio", 0), [false, true, false])
  })

  it("takes the share that it is told, and the same traces at every instance", () => {
    const ids = Array.from({ length: 4000 }, () => crypto.randomUUID().replaceAll("-", ""))
    const taken = (share: number) => ids.filter((id) => traceSampler({ name: "traceidratio", share })(id, undefined))
    const quarter = taken(0.25)
    assert.isTrue(quarter.length > 800 && quarter.length < 1200)
    const half = new Set(taken(0.5))
    assert.isTrue(quarter.every((id) => half.has(id)))
  })
})

describe("a caller's context that is handed on", () => {
  it("is what this version has words for", () => {
    const headers = (traceparent: string, tracestate?: string) => callersContext(traceparent, tracestate)?.headers
    const traceparent = `00-${traceId}-${spanId}-01`
    assert.deepStrictEqual(headers(traceparent), { traceparent })
    assert.deepStrictEqual(headers(`cc-${traceId}-${spanId}-03-more`, "a=1"), { traceparent, tracestate: "a=1" })
    assert.deepStrictEqual(headers(`00-${traceId}-${spanId}-00`), { traceparent: `00-${traceId}-${spanId}-00` })
    assert.isUndefined(headers("00-1-2-3", "a=1"))
  })

  it("has no state that is empty, too long, or could not stand in a header", () => {
    const stateOf = (tracestate: string) => callersContext(`00-${traceId}-${spanId}-01`, tracestate)?.headers.tracestate
    assert.strictEqual(stateOf("a".repeat(512)), "a".repeat(512))
    for (const state of ["", "a".repeat(513), "a=\r\nx-injected: 1", "a=1\n", "a=é"]) assert.isUndefined(stateOf(state))
  })
})
