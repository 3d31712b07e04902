import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result, Schema } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { ndjson } from "../../../src/providers/NdjsonFraming.ts"
import * as YandexDialect from "../../../src/providers/yandexgpt/YandexDialect.ts"
import { envelope } from "../../support/YandexUpstream.ts"
import { toldOf } from "../dialects.ts"
import { call } from "./Calls.ts"

const dialect = YandexDialect.make({
  provider: "yandexgpt",
  folderId: "b1gfolder",
  secrets: [Redacted.make("AQVNsecret")]
})

const told = (frames: ReadonlyArray<unknown>) => toldOf(dialect, call({ stream: true }), frames)

const events = (frames: ReadonlyArray<unknown>) => Result.getOrThrow(told(frames))
const failure = (frames: ReadonlyArray<unknown>) => Result.getOrThrow(Result.flip(told(frames)))
const deltas = (all: ReadonlyArray<ChatEvent>) =>
  all.flatMap((event) => (event._tag === "TextDelta" ? [event.text] : []))
const ending = (all: ReadonlyArray<ChatEvent>) =>
  all.flatMap((event) => (event._tag === "ChoiceFinished" ? [event.reason] : []))
const usageOf = (all: ReadonlyArray<ChatEvent>) =>
  all.flatMap((event) => (event._tag === "Finished" ? [event.usage] : []))

const partial = (text: string, status = "ALTERNATIVE_STATUS_PARTIAL") => envelope({ text, status })
const final = (text: string) => envelope({ text })

describe("a stream of snapshots", () => {
  it("becomes deltas, with one end and the last count", () => {
    const usage = (completion: number, reasoning = 0) => ({ usage: { input: 14, completion, reasoning } })
    assert.deepStrictEqual(
      events([
        envelope({ text: "Один", status: "ALTERNATIVE_STATUS_PARTIAL", ...usage(1) }),
        envelope({ text: "Один, два", status: "ALTERNATIVE_STATUS_PARTIAL", ...usage(3) }),
        envelope({ text: "Один, два", ...usage(5, 2) })
      ]),
      [
        { _tag: "Started", upstreamModel: "18.01.2026" },
        { _tag: "TextDelta", choice: 0, text: "Один" },
        { _tag: "TextDelta", choice: 0, text: ", два" },
        { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
        {
          _tag: "Finished",
          usage: { promptTokens: 14, completionTokens: 5, cachedTokens: 0, reasoningTokens: 2 }
        }
      ]
    )
  })

  it.prop(
    "that grow is told whole, whatever their letters and steps",
    { pieces: Schema.Array(Schema.String) },
    ({ pieces }) => {
      const snapshots = pieces.map((_, at) => partial(pieces.slice(0, at + 1).join("")))
      const whole = pieces.join("")
      assert.strictEqual(deltas(events([...snapshots, final(whole)])).join(""), whole)
    }
  )

  const letters = Schema.Array(Schema.Array(Schema.Literals(["а", "b", "🌍", "🌎", "🇷🇺", " "])))
  it.prop(
    "never parts a letter, and makes nothing up, however the vendor changes its mind",
    { letters },
    ({ letters }) => {
      const texts = letters.map((text) => text.join(""))
      for (const delta of deltas(events([...texts.map((text) => partial(text)), final("")]))) {
        assert.isTrue(delta !== "" && delta.isWellFormed())
        assert.isTrue(texts.some((text) => text.endsWith(delta)))
      }
    }
  )

  it("that shrinks or repeats gives nothing; what follows is measured against the longest", () => {
    assert.deepStrictEqual(
      deltas(events([partial("Привет мир"), partial("Привет"), partial("Привет мир"), final("Привет мир!")])),
      ["Привет мир", "!"]
    )
  })

  it("that changed gives what follows the common beginning, when it is longer", () => {
    assert.deepStrictEqual(deltas(events([partial("Кот спит"), final("Кот не спит")])), ["Кот спит", "не спит"])
    assert.deepStrictEqual(deltas(events([partial("Кот спит"), final("Пёс бежал")])), ["Кот спит", "Пёс бежал"])
    assert.deepStrictEqual(deltas(events([partial("Кот спит"), final("Кот ест.")])), ["Кот спит"])
  })

  it("that differs within a surrogate pair takes the pair whole", () => {
    assert.deepStrictEqual(deltas(events([partial("a🌍"), final("a🌎b")])), ["a🌍", "🌎b"])
  })

  it("holds back half a letter until the other half is there", () => {
    assert.deepStrictEqual(deltas(events([partial("a\ud83c"), partial("a🌍"), final("a🌍")])), ["a", "🌍"])
    assert.deepStrictEqual(deltas(events([partial("Приве\ufffd"), final("Привет")])), ["Приве", "т"])
    assert.deepStrictEqual(deltas(events([partial("a\ufffd"), final("a\ufffd")])), ["a", "\ufffd"])
  })

  const statuses: ReadonlyArray<readonly [status: string, reason: string]> = [
    ["ALTERNATIVE_STATUS_FINAL", "stop"],
    ["ALTERNATIVE_STATUS_TRUNCATED_FINAL", "length"],
    ["ALTERNATIVE_STATUS_CONTENT_FILTER", "content_filter"],
    ["ALTERNATIVE_STATUS_UNSPECIFIED", "stop"],
    ["ALTERNATIVE_STATUS_SOMETHING_NEW", "stop"]
  ]
  it.each(statuses)("with the last status %s ends with %s and keeps its text", (status, reason) => {
    const all = events([envelope({ text: "Да", status })])
    assert.deepStrictEqual([deltas(all), ending(all)], [["Да"], [reason]])
  })

  it("goes on after a status that it does not know, without losing a half letter at the end", () => {
    const all = events([partial("a", "ALTERNATIVE_STATUS_NEW"), partial("ab\ufffd", "ALTERNATIVE_STATUS_NEW")])
    assert.deepStrictEqual([deltas(all), ending(all)], [["a", "b", "\ufffd"], ["stop"]])
  })

  it("that stops without a final status was cut off", () => {
    for (const frames of [[], [partial("Раз")]]) {
      const error = failure(frames)
      assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", "provider_failed"])
      assert.isTrue(error._tag === "ProviderError" && error.isRetryable)
    }
  })

  it("is not listened to after its end", () => {
    const all = events([final("Да"), final("Да, и ещё"), { error: { httpCode: 500, message: "late" } }])
    assert.deepStrictEqual([deltas(all), ending(all)], [["Да"], ["stop"]])
  })
})

describe("a filtered answer", () => {
  const refusal = "В интернете есть много сайтов с информацией на эту тему. Посмотрите в поиске"
  const filtered = envelope({
    text: refusal,
    status: "ALTERNATIVE_STATUS_CONTENT_FILTER",
    usage: { input: 0, completion: 0 },
    modelVersion: ""
  })

  it("after two hundred letters keeps what was sent and counted, and adds no refusal to it", () => {
    const text = "б".repeat(200)
    const all = events([
      envelope({ text, status: "ALTERNATIVE_STATUS_PARTIAL", usage: { input: 9, completion: 40 } }),
      filtered
    ])
    assert.deepStrictEqual([deltas(all), ending(all)], [[text], ["content_filter"]])
    assert.deepStrictEqual(usageOf(all), [
      { promptTokens: 9, completionTokens: 40, cachedTokens: 0, reasoningTokens: 0 }
    ])
  })

  it("from the start tells the refusal", () => {
    const all = events([filtered])
    assert.deepStrictEqual(all[0], { _tag: "Started", upstreamModel: undefined })
    assert.deepStrictEqual([deltas(all), ending(all)], [[refusal], ["content_filter"]])
  })
})

describe("counts", () => {
  const answer = (usage: unknown) => ({
    result: { alternatives: [{ message: { text: "Да" }, status: "ALTERNATIVE_STATUS_FINAL" }], usage }
  })
  const cases: ReadonlyArray<
    readonly [what: string, usage: unknown, prompt: number, completion: number, reasoning: number]
  > = [
    [
      "strings",
      { inputTextTokens: "117", completionTokens: "2", completionTokensDetails: { reasoningTokens: "1" } },
      117,
      2,
      1
    ],
    [
      "numbers",
      { inputTextTokens: 117, completionTokens: 2, completionTokensDetails: { reasoningTokens: 1 } },
      117,
      2,
      1
    ],
    ["no details", { inputTextTokens: "117", completionTokens: "2" }, 117, 2, 0],
    ["null details", { inputTextTokens: "117", completionTokens: "2", completionTokensDetails: null }, 117, 2, 0],
    ["broken and negative ones", { inputTextTokens: "many", completionTokens: "-5" }, 0, 0, 0]
  ]
  it.each(cases)("are read from %s", (_what, usage, promptTokens, completionTokens, reasoningTokens) => {
    assert.deepStrictEqual(usageOf(events([answer(usage)])), [
      { promptTokens, completionTokens, cachedTokens: 0, reasoningTokens }
    ])
  })

  it("that are not there are not made up", () => {
    assert.deepStrictEqual(usageOf(events([answer(undefined)])), [undefined])
  })

  it("of an earlier line stay where the last has none", () => {
    const counted = envelope({ text: "Д", status: "ALTERNATIVE_STATUS_PARTIAL", usage: { input: 3, completion: 1 } })
    assert.deepStrictEqual(usageOf(events([counted, final("Да")])), [
      { promptTokens: 3, completionTokens: 1, cachedTokens: 0, reasoningTokens: 0 }
    ])
  })
})

describe("an answer in one piece", () => {
  const read = (body: unknown) => dialect.read(call(), typeof body === "string" ? body : JSON.stringify(body))

  it("is read with its envelope and without it", () => {
    const body = envelope({ text: "Да.", usage: { input: 19, completion: 2 } })
    const expected: ReadonlyArray<ChatEvent> = [
      { _tag: "Started", upstreamModel: "18.01.2026" },
      { _tag: "TextDelta", choice: 0, text: "Да." },
      { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
      { _tag: "Finished", usage: { promptTokens: 19, completionTokens: 2, cachedTokens: 0, reasoningTokens: 0 } }
    ]
    assert.deepStrictEqual(Result.getOrThrow(read(body)), expected)
    assert.deepStrictEqual(Result.getOrThrow(read(body.result)), expected)
    assert.deepStrictEqual(Result.getOrThrow(read(JSON.stringify(body, null, 2))), expected)
  })

  it("may be empty", () => {
    const all = Result.getOrThrow(read(envelope({ text: "", status: "ALTERNATIVE_STATUS_TRUNCATED_FINAL" })))
    assert.deepStrictEqual([deltas(all), ending(all)], [[], ["length"]])
  })

  const rubbish: ReadonlyArray<readonly [what: string, body: unknown]> = [
    ["a page of HTML", "<html><title>Nope</title></html>"],
    ["nothing", ""],
    ["half of a line", '{"result":{"alterna'],
    ["a number", "7"],
    ["an empty object", {}],
    ["no alternative", { result: { alternatives: [] } }],
    ["a tool call that nobody asked for", envelope({ text: "", status: "ALTERNATIVE_STATUS_TOOL_CALLS" })]
  ]
  it.each(rubbish)("that is %s fails as an invalid answer", (_what, body) => {
    const error = Result.getOrThrow(Result.flip(read(body)))
    assert.deepStrictEqual([error._tag, error.reason], ["ProviderError", "provider_invalid_answer"])
  })

  it("may hold an error in its 200, which counts by its own code", () => {
    const error = Result.getOrThrow(Result.flip(read({ error: { grpcCode: 8, httpCode: 429, message: "quota" } })))
    assert.deepStrictEqual([error._tag, error.reason], ["RateLimitError", "provider_rate_limit"])
  })
})

describe("bytes", () => {
  const stream = [partial("Привет"), partial("Привет, 🌍"), final("Привет, 🌍!")].map((line) => JSON.stringify(line))
  const expected = events(stream)

  /** As the Assembly does it, without a network. */
  const fromPackets = (packets: ReadonlyArray<Uint8Array>): ReadonlyArray<ChatEvent> => {
    const reader = ndjson.reader()
    const frames = packets.flatMap((packet) => Result.getOrThrow(reader.push(packet)))
    return events([...frames, ...Result.getOrThrow(reader.end())])
  }

  it("cut in two at any place give the same events, with a last line end and without", () => {
    for (const text of [`${stream.join("\n")}\n`, stream.join("\n"), stream.join("\r\n")]) {
      const bytes = Buffer.from(text)
      for (let at = 0; at <= bytes.length; at++) {
        assert.deepStrictEqual(fromPackets([bytes.subarray(0, at), bytes.subarray(at)]), expected)
      }
    }
  })

  it("one by one give the same events", () => {
    const bytes = Buffer.from(stream.join("\n"))
    assert.deepStrictEqual(fromPackets(Array.from(bytes, (byte) => Uint8Array.of(byte))), expected)
  })
})
