import { assert, describe, it } from "@effect/vitest"
import { askedAndMeasured } from "../../bench/asked.ts"
import { faultsOfDeaf } from "../../bench/compare.ts"
import type { DeafResult } from "../../bench/deaf-clients.ts"
import { withBlock } from "../../bench/page.ts"
import type { SlowResult } from "../../bench/slow-streams.ts"
import { table } from "../../bench/table.ts"
import { names } from "../../bench/targets.ts"

const slow = (name: string, kilobytesPerStream: number): SlowResult => ({
  target: { name, pid: 0, port: 0, model: "m", headers: {} },
  streams: 500,
  errors: 0,
  firstError: undefined,
  piecesPerSecond: 5000,
  cpuMicrosPerPiece: 40,
  warm: 100,
  opened: 150,
  open: 150,
  kilobytesPerStream,
  highest: 200,
  delayP50: 1,
  delayP99: 2
})

const holds = (text: string) =>
  text
    .split("\n")
    .slice(2)
    .map((line) => line.split("|").at(-2)?.trim())

describe("asked and measured", () => {
  it("has the lines of what was measured, and of XRouter alone", () => {
    const text = askedAndMeasured({ slow: [slow(names.raw, 900), slow(names.xrouter, 99)] })
    assert.deepStrictEqual(holds(text), ["yes"])
    assert.include(text, "memory per open slow stream")
  })

  it("says so where a target is missed, and where nothing could be counted", () => {
    assert.deepStrictEqual(holds(askedAndMeasured({ slow: [slow(names.xrouter, 101)] })), ["**no**"])
    assert.deepStrictEqual(holds(askedAndMeasured({ slow: [slow(names.xrouter, Number.NaN)] })), ["**no**"])
  })
})

describe("clients that stop reading", () => {
  const result = (delayP99: number, growth: number): DeafResult => ({
    clients: 200,
    alone: slow(names.xrouter, 60),
    beside: { ...slow(names.xrouter, 60), delayP99 },
    growth,
    sent: 1200,
    unreadWhenFull: { megabytes: 110, connections: 200 },
    unread: { megabytes: 110, connections: 200 },
    stillOpen: 200
  })

  it("are told by the delay of the others' chunks and by the growth of memory", () => {
    assert.deepStrictEqual(holds(askedAndMeasured({ deaf: result(50, 0.05) })), ["yes", "yes"])
    assert.deepStrictEqual(holds(askedAndMeasured({ deaf: result(51, 0.06) })), ["**no**", "**no**"])
  })

  it("fail the run where one of them was cut off or read on, or another's stream was lost", () => {
    assert.deepStrictEqual(faultsOfDeaf(result(51, 0.06)), [])
    assert.match(faultsOfDeaf({ ...result(1, 0), stillOpen: 199 }).join(), /^only 199 of 200 /)
    const unread = { megabytes: 1, connections: 199 }
    assert.match(faultsOfDeaf({ ...result(1, 0), unread }).join(), /^of only 199 of 200 .* unread$/)
    const beside = { ...slow(names.xrouter, 60), errors: 1, firstError: "status 500" }
    assert.match(faultsOfDeaf({ ...result(1, 0), beside }).join(), /1 errors, the first: status 500/)
  })
})

describe("the page of results", () => {
  const page =
    "Words.\n<!-- measured: soak -->\nold\n<!-- end: soak -->\nMore.\n<!-- measured: dialects -->\n<!-- end: dialects -->\n"

  it("has one block replaced and all else kept, however often", () => {
    const written = withBlock(withBlock(page, "soak", "older"), "soak", "new")
    assert.strictEqual(written, page.replace("old\n", "new\n"))
  })

  it("is left alone where it has no such block", () => {
    assert.throws(() => withBlock(page, "comparison", "new"), /no block "comparison"/)
  })
})

it("tables are Markdown of columns of one width", () => {
  const lines = table([
    ["", "ms"],
    ["proxy", "1.25"]
  ]).split("\n")
  assert.deepStrictEqual(lines, ["|       |   ms |", "|-------|-----:|", "| proxy | 1.25 |"])
})
