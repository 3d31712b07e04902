import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { draw, type Scene } from "../../../src/cli/top/Drawing.ts"
import { coloured, plain, widthOf } from "../../../src/cli/top/Line.ts"
import { amount, money, percent, span } from "../../../src/cli/top/Quantities.ts"
import { viewOf } from "../../../src/cli/top/View.ts"
import { after, before, lookOf } from "./looks.ts"

const url = "http://127.0.0.1:8080"
const scene: Scene = { url, view: viewOf(before, after), trouble: undefined }
const textOf = (scene: Scene, columns: number, rows = 100) => draw(scene, { columns, rows }).map(plain)

describe("the drawing of a view", () => {
  it("shows everything where there is room", () => {
    assert.deepStrictEqual(textOf(scene, 130), [
      "XRouter http://127.0.0.1:8080  up  running for 1 h 0 min  01:00:10 UTC  rates over 10.0 s",
      "",
      "Requests      5/s  failed 30.0%  clients left 0.2/s",
      "Faults        caller 0/s  policy 1.1/s  provider 0.5/s  us 0/s",
      "Active        7 requests  3 streams",
      "Whole answer  p50 1.0 s  p95 1.9 s",
      "First token   p50 250 ms  p95 475 ms",
      "Our share     p50 1.0 ms  p95 1.9 ms",
      "Tokens        in 50/s  out 1.2k/s",
      "Cost          360.00 RUB an hour  2.50 RUB since the start",
      "Stores        database up  redis down, worked around  usage pending 2  revocations known 1.5 s ago",
      "Process       processor 50.0%  event loop late 2.0 ms  memory 200 MiB  sockets 12",
      "",
      "PROVIDER   STATE     CIRCUIT  REQUESTS  FAILED  P50    P95    FIRST P50  FIRST P95  TOKENS OUT",
      "gigachat   degraded  closed   4/s       12.5%   1.0 s  1.9 s  250 ms     475 ms     1.2k/s",
      "yandexgpt  down      open     0/s       –       –      –      –          –          0/s",
      "",
      "LIMIT HIT            REFUSED  SINCE THE START",
      "requests_per_minute  1/s      11"
    ])
  })

  it("goes on below where a line is full, and leaves out the columns that do not fit", () => {
    const lines = textOf(scene, 44)
    assert.includeMembers(lines, [
      "Requests      5/s  failed 30.0%",
      "              clients left 0.2/s",
      "PROVIDER   STATE     CIRCUIT  REQUESTS",
      "gigachat   degraded  closed   4/s",
      "LIMIT HIT            REFUSED"
    ])
  })

  it("says how much more there is where there are too few rows", () => {
    const lines = textOf(scene, 130, 4)
    assert.lengthOf(lines, 4)
    assert.strictEqual(lines[3], "… 16 more lines")
  })

  it.prop(
    "is never larger than the terminal",
    [
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 140 })),
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 40 }))
    ],
    ([columns, rows]) => {
      const lines = draw({ ...scene, trouble: "No gateway answers" }, { columns, rows })
      assert.isAtMost(lines.length, rows)
      for (const line of lines) assert.isAtMost(widthOf(line), columns, plain(line))
    }
  )

  it("tells of a gateway that was never seen, and of one that is away, which it shows as it was", () => {
    const trouble = `No gateway answers at ${url}. Looking again`
    assert.deepStrictEqual(textOf({ url, view: undefined, trouble }, 130), [`XRouter ${url}`, trouble])
    const lines = textOf({ ...scene, trouble }, 130)
    assert.strictEqual(lines[1], trouble)
    assert.includeMembers(lines, textOf(scene, 130))
  })

  it("has no rates after one look", () => {
    const lines = textOf({ ...scene, view: viewOf(undefined, after) }, 130)
    assert.include(lines[0], "rates with the next look")
    assert.includeMembers(lines, ["Requests      –  failed –  clients left –", "requests_per_minute  –        11"])
  })

  it("has no table of what there is none of, and no cost where nothing has a price", () => {
    const lines = textOf({ ...scene, view: viewOf(undefined, lookOf(1, "", { providers: {} })) }, 130)
    assert.notMatch(lines.join("\n"), /PROVIDER|LIMIT|Cost/)
  })

  it("lets no name act on the terminal", () => {
    const name = "giga\u001b[2Jchat\n"
    const view = viewOf(
      undefined,
      lookOf(1, 'xrouter_rate_limited_total{reason="a\u001b[31m"} 1\n', { providers: { [name]: "up" } })
    )
    const text = draw({ ...scene, view }, { columns: 130, rows: 50 })
      .map(plain)
      .join("")
    assert.notMatch(text, /\p{Cc}/u)
    assert.include(text, "giga�[2Jchat�")
  })

  it("is coloured for who has colours, and says the same", () => {
    const lines = draw(scene, { columns: 130, rows: 100 })
    const text = lines.map(coloured).join("\n")
    // oxlint-disable-next-line no-control-regex
    assert.strictEqual(text.replace(/\u001b\[\d+m/g, "").replace(/ +$/gm, ""), lines.map(plain).join("\n"))
  })
})

describe("a quantity", () => {
  it("is short and has its unit", () => {
    assert.deepStrictEqual(
      [0, 0.04, 0.26, 5, 12.34, 99.96, 480.2, 999.4, 999.6, 1234, 999_400, 999_600, 3.4e6].map(amount),
      ["0", "<0.1", "0.3", "5", "12.3", "100", "480", "999", "1.0k", "1.2k", "999k", "1.0M", "3.4M"]
    )
    assert.deepStrictEqual([0, 0.0004, 0.001, 0.123, 1].map(percent), ["0%", "<0.1%", "0.1%", "12.3%", "100.0%"])
    assert.deepStrictEqual([0, 0.00012, 0.0994, 0.0996, 0.9996, 4.25, 59.96, 3599.6, 7325, 86_399, 183_600].map(span), [
      "0.0 ms",
      "0.1 ms",
      "99.4 ms",
      "100 ms",
      "1.0 s",
      "4.3 s",
      "1 min 0 s",
      "1 h 0 min",
      "2 h 2 min",
      "23 h 59 min",
      "2 d 3 h"
    ])
    assert.deepStrictEqual(
      [0, 0.0002, 12.345].map((value) => money(value, "RUB")),
      ["0.00 RUB", "0.0002 RUB", "12.35 RUB"]
    )
    assert.deepStrictEqual(
      [amount(undefined), percent(Number.NaN), span(undefined), money(undefined, "RUB")],
      ["–", "–", "–", "–"]
    )
  })
})
