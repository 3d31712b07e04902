import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { type Framing, frameLimit } from "../../src/providers/Framing.ts"
import { ndjson } from "../../src/providers/NdjsonFraming.ts"
import { namedSse, sse } from "../../src/providers/SseFraming.ts"

/** The frames of a stream that comes in these packets. */
const frames = (framing: Framing, packets: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => {
  const reader = framing.reader()
  return [...packets.flatMap((packet) => Result.getOrThrow(reader.push(packet))), ...Result.getOrThrow(reader.end())]
}

const whole = (framing: Framing, text: string) => frames(framing, [Buffer.from(text)])

const cutAt = (bytes: Uint8Array, places: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const stops = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return stops.slice(1).map((stop, index) => bytes.subarray(stops[index], stop))
}

/** What event streams are made of, and letters of two to four bytes to be cut in the middle. */
const pieces = Schema.Literals(
  "data: |data:|data|event: |: |id: 1|\n|\r|\r\n|\n\n|\r\n\r\n|\uFEFF| |жук|中|🐞|{}|[DONE]".split("|")
)

describe("SSE framing", () => {
  for (const [what, text, expected] of [
    ["cuts events at blank lines", 'data: {"a":1}\n\ndata: {"b":2}\n\n', ['{"a":1}', '{"b":2}']],
    ["takes CRLF", "data: 1\r\n\r\ndata: 2\r\n\r\n", ["1", "2"]],
    ["takes CR alone", "data: 1\r\rdata: 2\r\r", ["1", "2"]],
    ["takes all line ends mixed", "data: 1\r\n\ndata: 2\r\r\ndata: 3\n\r", ["1", "2", "3"]],
    ["does not ask for a space after the colon", "data:1\n\n", ["1"]],
    ["takes one space off, not two", "data:  1\n\n", [" 1"]],
    ["joins the data lines of one event", "data: 1\ndata: 2\ndata\n\n", ["1\n2\n"]],
    [
      "passes over comments, ids, retries and fields of its own",
      ": OPENROUTER PROCESSING\n\nid: 7\nretry: 10\nx: y\ndata: 1\n\n",
      ["1"]
    ],
    ["knows no event without data", "event: ping\n\n\n\ndata: 1\n\n", ["1"]],
    ["knows an event of empty data", "data:\n\n", [""]],
    ["passes over a byte order mark", "\uFEFFdata: 1\n\n", ["1"]],
    ["keeps a byte order mark further in", "data: \uFEFF1\n\n", ["\uFEFF1"]],
    ["does not take a field whose name only begins with data", "database: 1\n\n", []],
    ["delivers a last event without its blank line", "data: 1\n\ndata: [DONE]\n", ["1", "[DONE]"]],
    ["delivers a last event without even a line end", "data: 1\n\ndata: [DONE]", ["1", "[DONE]"]],
    ["delivers nothing of nothing", "", []]
  ] as const) {
    it(what, () => {
      assert.deepStrictEqual(whole(sse, text), expected)
    })
  }

  it("delivers an event as soon as its blank line is there, also where lines end with CR", () => {
    for (const end of ["\n\n", "\r\r", "\r\n\r"]) {
      const reader = sse.reader()
      assert.deepStrictEqual(reader.push(Buffer.from(`data: 1${end}`)), Result.succeed(["1"]))
    }
  })

  it("keeps the event's name for dialects that need it", () => {
    assert.deepStrictEqual(whole(namedSse, "event: message\ndata: 1\n\ndata: 2\n\nevent:x\nevent\ndata: 3\n\n"), [
      "message\n1",
      "\n2",
      "\n3"
    ])
  })

  it.prop(
    "gives the same frames wherever the network cuts the stream",
    {
      pieces: Schema.Array(pieces),
      places: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 })))
    },
    ({ pieces, places }) => {
      const bytes = Buffer.from(pieces.join(""))
      for (const framing of [sse, namedSse, ndjson]) {
        const expected = frames(framing, [bytes])
        assert.deepStrictEqual(frames(framing, cutAt(bytes, places)), expected)
        assert.deepStrictEqual(
          frames(
            framing,
            Array.from(bytes, (byte) => Uint8Array.of(byte))
          ),
          expected
        )
      }
    },
    { arbitrary: { runs: 500, size: 40 } }
  )

  it.prop("gives back what was sent, whatever text it was", { sent: Schema.Array(Schema.String) }, ({ sent }) => {
    const told = sent.map((text) => JSON.stringify(text))
    assert.deepStrictEqual(whole(sse, told.map((data) => `data: ${data}\n\n`).join("")), told)
    assert.deepStrictEqual(whole(ndjson, told.map((data) => `${data}\n`).join("")), told)
  })

  it("gives up on an event without an end, in one line or in many", () => {
    const line = sse.reader()
    assert.isTrue(Result.isFailure(line.push(Buffer.alloc(frameLimit + 10, "x"))))
    const lines = sse.reader()
    const packet = Buffer.from(`data: ${"x".repeat(60_000)}\n`)
    let pushed = 0
    while (pushed < 2 * frameLimit && Result.isSuccess(lines.push(packet))) pushed += packet.length
    assert.isBelow(pushed, frameLimit + 2 * packet.length)
  })

  it("accepts event streams, and takes JSON and HTML for what they are", () => {
    assert.isTrue(sse.accepts("text/event-stream"))
    assert.isTrue(sse.accepts("Text/Event-Stream; charset=utf-8"))
    assert.isTrue(sse.accepts(undefined))
    assert.isFalse(sse.accepts("application/json"))
    assert.isFalse(sse.accepts("text/html"))
  })
})

describe("NDJSON framing", () => {
  for (const [what, text, expected] of [
    ["cuts at line ends", '{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']],
    ["takes CRLF, blank lines and a byte order mark", '\uFEFF{"a":1}\r\n\r\n\n{"b":2}\r\n', ['{"a":1}', '{"b":2}']],
    ["delivers a last line without its end", '{"a":1}\n{"b":2}', ['{"a":1}', '{"b":2}']]
  ] as const) {
    it(what, () => {
      assert.deepStrictEqual(whole(ndjson, text), expected)
    })
  }

  it("gives up on a line without an end", () => {
    assert.isTrue(Result.isFailure(ndjson.reader().push(Buffer.alloc(frameLimit + 10, "x"))))
  })

  it("accepts whatever is not a page", () => {
    assert.isTrue(ndjson.accepts("application/json"))
    assert.isTrue(ndjson.accepts(undefined))
    assert.isFalse(ndjson.accepts("text/html; charset=utf-8"))
  })
})
