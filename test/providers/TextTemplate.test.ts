import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import * as OpenAiDialect from "../../src/providers/openai/OpenAiDialect.ts"
import { sse } from "../../src/providers/SseFraming.ts"
import { TextTemplate } from "../../src/providers/TextTemplate.ts"
import { Translation } from "../../src/providers/Translation.ts"

const dialect = OpenAiDialect.make({ provider: "openai" })
const call = {
  requestId: "req_1",
  model: "m",
  request: { model: "m", stream: true, messages: [{ role: "user" as const, content: "?" }] }
}

const chunk = (choice: object, more: object = {}) =>
  JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "m",
    choices: [choice],
    ...more
  })
const saying = (content: string, index = 0) => chunk({ index, delta: { content }, finish_reason: null })
const ending = (index = 0) => chunk({ index, delta: {}, finish_reason: "stop" })

/** One by one, as the dialect itself reads them. */
const readWhole = (frames: ReadonlyArray<string>): ReadonlyArray<ChatEvent> => {
  const state = dialect.start(call)
  return frames.flatMap((frame) => Result.getOrThrow(dialect.step(state, frame)))
}

const readStream = (frames: ReadonlyArray<string>): ReadonlyArray<ChatEvent> => {
  const translation = new Translation({ name: "openai", dialect, framing: sse }, call)
  const events = frames.flatMap((frame) => translation.push([Buffer.from(`data: ${frame}\n\n`)]))
  assert.isUndefined(translation.failure)
  return events
}

const textOf = (events: ReadonlyArray<ChatEvent>, choice: number) =>
  events.map((event) => (event._tag === "TextDelta" && event.choice === choice ? event.text : "")).join("")

const template = (frame: string): TextTemplate | undefined =>
  TextTemplate.of(frame, readWhole([saying("before"), frame]).slice(2))

const Said = Schema.Array(Schema.Tuple([Schema.Literals([0, 1]), Schema.String]))

describe("the frames of a stream that differ in nothing but the text", () => {
  it.prop("tell what they tell when each is read whole", [Said], ([said]) => {
    const texts = said.map(([choice, text]) => saying(text, choice))
    const frames = [saying("plain"), ...texts, ending(), saying("too late"), ending(1), "[DONE]"]
    const whole = readWhole(frames)
    const streamed = readStream(frames)
    assert.strictEqual(textOf(streamed, 0).toWellFormed(), textOf(whole, 0).toWellFormed())
    assert.strictEqual(textOf(streamed, 1).toWellFormed(), textOf(whole, 1).toWellFormed())
    assert.deepStrictEqual(
      streamed.filter(({ _tag }) => _tag !== "TextDelta"),
      whole.filter(({ _tag }) => _tag !== "TextDelta")
    )
  })

  it("are read without being parsed", () => {
    assert.deepStrictEqual(template(saying("one"))?.read(saying("and another")), {
      _tag: "TextDelta",
      choice: 0,
      text: "and another"
    })
  })

  it.each([
    ["an escape", saying("a\nb")],
    ["a quote", saying('a"b')],
    ["another choice", saying("b", 1)],
    ["an end", ending()],
    ["no text", saying("")],
    [
      "another field",
      chunk({ index: 0, delta: { content: "b" }, finish_reason: null }, { usage: { prompt_tokens: 1 } })
    ],
    ["something that is no JSON", `${saying("b").slice(0, -1)},}`],
    ["a control character", saying("b").replace('"b"', '"b\u0001"')]
  ])("are parsed where there is %s in them", (_, frame) => {
    assert.isUndefined(template(saying("a"))?.read(frame))
  })

  it("teach nothing where the text stands twice, or has to be escaped, or is not all that is told", () => {
    assert.isUndefined(TextTemplate.of(saying("a\nb"), [{ _tag: "TextDelta", choice: 0, text: "a\nb" }]))
    const twice = chunk({ index: 0, delta: { content: "a" }, finish_reason: null }, { other: { content: "a" } })
    assert.isUndefined(TextTemplate.of(twice, [{ _tag: "TextDelta", choice: 0, text: "a" }]))
    assert.isUndefined(
      TextTemplate.of(saying("a"), [{ _tag: "TextDelta", choice: 0, text: "a", extra: { logprobs: {} } }])
    )
    assert.isUndefined(TextTemplate.of(saying("a"), []))
  })
})
