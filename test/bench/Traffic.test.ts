import { assert, describe, it } from "@effect/vitest"
import { answer, chunks, type Pace, paceIn, stampsIn } from "../../bench/conversation.ts"
import { dialects, models, type Rendered, token, wirePieces } from "../../bench/dialects.ts"
import { openAi } from "../../bench/dialects/openai.ts"
import { subjects } from "../../bench/dialect-steps.ts"
import { answerOf, framingOf, type HttpAnswer, isWhole } from "../../bench/http-answer.ts"
import { type Ask, faultOf, rawRequest, requestBody } from "../../bench/traffic.ts"

const pace: Pace = { pieces: 3, everyMillis: 100 }
const paced: Ask = { kind: "paced", pace }

const read = (bytes: Buffer): HttpAnswer => {
  const framing = framingOf(bytes)
  assert.isDefined(framing)
  assert.isTrue(isWhole(framing, bytes))
  return answerOf(framing, bytes)
}

const streamOf = (pieces: ReadonlyArray<string>, end: ReadonlyArray<string> = openAi.end("")): HttpAnswer => ({
  status: 200,
  head: "",
  body: Buffer.from([...pieces.map((text, index) => openAi.piece(index, text, "")), ...end].join(""))
})

const openAiAnswer = (): Rendered => {
  const [first] = dialects
  assert.isDefined(first)
  return first
}

describe("what the mock upstream answers", () => {
  it("is, in OpenAI's form, what the clients expect", () => {
    const { json, stream } = openAiAnswer()
    assert.isUndefined(faultOf({ kind: "json" }, read(json)))
    assert.isUndefined(faultOf({ kind: "stream" }, read(stream)))
  })

  it("is whole HTTP in every dialect", () => {
    for (const { json, stream } of dialects) {
      assert.strictEqual(read(json).status, 200)
      assert.isAbove(read(stream).body.length, chunks)
    }
    assert.strictEqual(read(models).status, 200)
    assert.isAbove((JSON.parse(read(token()).body.toString()) as { expires_at: number }).expires_at, Date.now())
  })

  it("goes through each step of XRouter's own dialects, frame by frame", () => {
    for (const { name, steps } of subjects) {
      const units = Object.entries(steps).map(([step, run]) => [step, run()] as const)
      assert.deepStrictEqual(
        units.map(([, count]) => count > 1),
        [false, true, true, false],
        name
      )
      for (const [step, count] of units.filter(([, count]) => count > 1))
        assert.isAtLeast(count, chunks, `${name}: ${step}`)
    }
  })

  it("tells YandexGPT's text anew with every line", () => {
    const yandexGpt = dialects.find(({ path }) => path.includes("yandexgpt"))
    assert.isDefined(yandexGpt)
    const pieces = wirePieces(yandexGpt)
    assert.include(pieces[1], '"text":" word00 word01"')
    assert.include(pieces.at(-1), "ALTERNATIVE_STATUS_FINAL")
  })
})

describe("what counts as an error", () => {
  it("is any status but 200", () => {
    const fault = faultOf({ kind: "json" }, { status: 429, head: "", body: Buffer.from("slow down") })
    assert.strictEqual(fault, "status 429: slow down")
  })

  it("is another text, usage or end than the upstream's", () => {
    const { body } = read(openAiAnswer().json)
    const changed = (from: string, to: string): HttpAnswer => ({
      status: 200,
      head: "",
      body: Buffer.from(body.toString().replace(from, to))
    })
    assert.match(faultOf({ kind: "json" }, changed(answer, "No.")) ?? "", /text/)
    assert.match(faultOf({ kind: "json" }, changed('"finish_reason":"stop"', '"finish_reason":null')) ?? "", /finish/)
    assert.match(faultOf({ kind: "json" }, changed('"prompt_tokens":182', '"prompt_tokens":0')) ?? "", /usage/)
  })

  it("is a stream that lacks a piece, its end, or the order in which it was spoken", () => {
    const stamps = [" @100;", " @200;", " @300;"]
    assert.isUndefined(faultOf(paced, streamOf(stamps)))
    assert.match(faultOf(paced, streamOf(stamps.slice(1))) ?? "", /text/)
    assert.match(faultOf(paced, streamOf(stamps.toReversed())) ?? "", /text/)
    assert.match(faultOf(paced, streamOf(stamps, [])) ?? "", /\[DONE\]/)
    assert.match(faultOf({ kind: "stream" }, streamOf(stamps)) ?? "", /text/)
  })
})

describe("a request", () => {
  it("asks for a pace in words that every dialect carries", () => {
    assert.deepStrictEqual(paceIn(Buffer.from(requestBody(paced, "m"))), pace)
    assert.isUndefined(paceIn(Buffer.from(requestBody({ kind: "stream" }, "m"))))
  })

  it("tells its length and who sends it", () => {
    const text = rawRequest(
      { kind: "json" },
      { port: 80, model: "m", headers: { Authorization: "Bearer k" } }
    ).toString()
    const [head = "", body = ""] = text.split("\r\n\r\n")
    assert.include(head, "Authorization: Bearer k")
    assert.include(head, `Content-Length: ${body.length}`)
  })
})

it("pieces tell when they were said, wherever they lie in the bytes", () => {
  assert.deepStrictEqual(stampsIn('data: {"content":" @12;"}\n\ndata: {"content":" @34;'), [12, 34])
})
