import { assert, describe, it } from "@effect/vitest"
import { Schema, Struct } from "effect"
import type { ChatEvent } from "../../src/domain/ChatEvent.ts"
import { ProviderError, RateLimitError, ValidationError, type XRouterError } from "../../src/domain/Errors.ts"
import { responsesForm } from "../../src/gateway/ResponsesForm.ts"

const head = { id: "resp_1", created: 1_700_000_000, model: "m" }
const usage = { promptTokens: 5, completionTokens: 7, cachedTokens: 2, reasoningTokens: 3 }
const options = { requestId: "req_1", resourceMetadata: "https://x.test/meta" }
const form = responsesForm({ model: "m", input: "a", temperature: 0.5 }, [], [])

const text = (text: string): ChatEvent => ({ _tag: "TextDelta", choice: 0, text })
const thought = (text: string): ChatEvent => ({ _tag: "ReasoningDelta", choice: 0, text })
const refusal = (refusal: string): ChatEvent => ({ _tag: "ChoiceExtra", choice: 0, delta: { refusal } })
const call = (call: number, piece: string, name?: string): ChatEvent => ({
  _tag: "ToolCallDelta",
  choice: 0,
  call,
  arguments: piece,
  ...(name === undefined ? {} : { id: `call_${name}`, name })
})
const finished = (reason: "stop" | "length" | "tool_calls" | "content_filter" = "stop"): ReadonlyArray<ChatEvent> => [
  { _tag: "ChoiceFinished", choice: 0, reason },
  { _tag: "Finished" }
]

/** As much of an event as is looked at here. */
const Frame = Schema.Struct({
  type: Schema.String,
  sequence_number: Schema.Int,
  delta: Schema.optionalKey(Schema.String),
  arguments: Schema.optionalKey(Schema.String),
  text: Schema.optionalKey(Schema.String),
  output_index: Schema.optionalKey(Schema.Int),
  content_index: Schema.optionalKey(Schema.Int),
  item_id: Schema.optionalKey(Schema.String),
  item: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  part: Schema.optionalKey(Schema.Json),
  code: Schema.optionalKey(Schema.NullOr(Schema.String)),
  error: Schema.optionalKey(Schema.Json),
  response: Schema.optionalKey(
    Schema.Struct({
      id: Schema.String,
      status: Schema.String,
      output: Schema.Array(Schema.Record(Schema.String, Schema.Json)),
      usage: Schema.Json,
      error: Schema.Json,
      incomplete_details: Schema.Json,
      temperature: Schema.Json
    })
  )
})
const readFrame = Schema.decodeUnknownSync(Schema.fromJsonString(Frame))

/** Every frame: a name, and data of that type, numbered from 0 without a gap. */
const framesIn = (stream: string) => {
  assert.isTrue(stream.endsWith("\n\n"))
  const frames = stream
    .slice(0, -2)
    .split("\n\n")
    .map((frame) => {
      const [, name, data] = /^event: (.+)\ndata: (.+)$/.exec(frame) ?? []
      const read = readFrame(data)
      assert.strictEqual(read.type, name)
      return read
    })
  assert.deepStrictEqual(
    frames.map(({ sequence_number }) => sequence_number),
    frames.map((_, index) => index)
  )
  return frames
}

const streamed = (events: ReadonlyArray<ChatEvent>) => {
  const writer = form.frames(head, { model: "m", messages: [] })
  return framesIn(events.map((event) => writer.frames([event])).join("") + writer.end(usage))
}

const whole = (events: ReadonlyArray<ChatEvent>) => {
  const writer = form.body()
  writer.add(events)
  return JSON.parse(writer.body(head, usage))
}

/** Ids are random, so they are left out where answers are compared. */
const withoutIds = (output: ReadonlyArray<Readonly<Record<string, unknown>>>) =>
  output.map((item) => Struct.omit(item, ["id"]))

const typesOf = (frames: ReadonlyArray<typeof Frame.Type>) => frames.map(({ type }) => type.replace("response.", ""))

describe("a stream of the Responses API", () => {
  it("tells a text in OpenAI's order of events", () => {
    const frames = streamed([{ _tag: "Started" }, text("Hel"), text(""), text("lo"), ...finished()])
    assert.deepStrictEqual(typesOf(frames), [
      "created",
      "in_progress",
      "output_item.added",
      "content_part.added",
      "output_text.delta",
      "output_text.delta",
      "output_text.done",
      "content_part.done",
      "output_item.done",
      "completed"
    ])
    const id = String(frames[2]?.item?.["id"])
    assert.match(id, /^msg_[0-9a-f]{32}$/)
    for (const frame of frames.slice(3, 8)) {
      assert.deepInclude({ ...frame }, { item_id: id, output_index: 0, content_index: 0 })
    }
    assert.strictEqual(frames[6]?.text, "Hello")
    const done = frames.at(-1)?.response
    assert.deepInclude({ ...done }, { id: "resp_1", status: "completed", temperature: 0.5, error: null })
    assert.deepStrictEqual(done?.usage, {
      input_tokens: 5,
      input_tokens_details: { cached_tokens: 2 },
      output_tokens: 7,
      output_tokens_details: { reasoning_tokens: 3 },
      total_tokens: 12
    })
  })

  it("tells calls whose arguments come by turns, each under its own index and whole at the end", () => {
    const frames = streamed([
      text("Wait"),
      call(0, "", "a"),
      call(0, '{"x"'),
      call(1, "", "b"),
      call(1, "{"),
      call(0, ":1}"),
      call(1, "}"),
      ...finished("tool_calls")
    ])
    assert.deepStrictEqual(
      frames
        .filter(({ type }) => type.endsWith("arguments.delta"))
        .map(({ delta, output_index }) => [output_index, delta]),
      [
        [1, '{"x"'],
        [2, "{"],
        [1, ":1}"],
        [2, "}"]
      ]
    )
    assert.deepStrictEqual(
      frames
        .filter(({ type }) => type.endsWith("arguments.done"))
        .map((frame) => [frame.output_index, frame.arguments]),
      [
        [1, '{"x":1}'],
        [2, "{}"]
      ]
    )
    assert.deepStrictEqual(withoutIds(frames.at(-1)?.response?.output ?? []), [
      {
        type: "message",
        status: "completed",
        role: "assistant",
        content: [{ type: "output_text", text: "Wait", annotations: [], logprobs: [] }]
      },
      { type: "function_call", status: "completed", call_id: "call_a", name: "a", arguments: '{"x":1}' },
      { type: "function_call", status: "completed", call_id: "call_b", name: "b", arguments: "{}" }
    ])
  })

  it("tells what was thought, said and refused as what they are", () => {
    const frames = streamed([thought("Hm"), thought("m"), text("Well, "), refusal("no"), ...finished()])
    assert.deepStrictEqual(
      typesOf(frames).filter((type) => type.endsWith(".delta")),
      ["reasoning_text.delta", "reasoning_text.delta", "output_text.delta", "refusal.delta"]
    )
    assert.deepStrictEqual(withoutIds(frames.at(-1)?.response?.output ?? []), [
      { type: "reasoning", status: "completed", summary: [], content: [{ type: "reasoning_text", text: "Hmm" }] },
      {
        type: "message",
        status: "completed",
        role: "assistant",
        content: [
          { type: "output_text", text: "Well, ", annotations: [], logprobs: [] },
          { type: "refusal", refusal: "no" }
        ]
      }
    ])
  })

  it("ends incomplete where the answer was cut, and does not pass cut arguments off as whole", () => {
    for (const [reason, told] of [
      ["length", "max_output_tokens"],
      ["content_filter", "content_filter"]
    ] as const) {
      const frames = streamed([call(0, '{"x', "a"), ...finished(reason)])
      assert.deepStrictEqual(typesOf(frames).slice(-3), [
        "function_call_arguments.delta",
        "output_item.done",
        "incomplete"
      ])
      const last = frames.at(-1)?.response
      assert.deepInclude({ ...last }, { status: "incomplete", incomplete_details: { reason: told } })
      assert.strictEqual(last?.output[0]?.["status"], "incomplete")
    }
  })

  it("gives every item of the end as it was done, and the same as the whole answer has", () => {
    const answers: ReadonlyArray<ReadonlyArray<ChatEvent>> = [
      [...finished()],
      [text("a"), thought("b"), text("c"), call(0, "{}", "f"), text("d"), ...finished("tool_calls")],
      [refusal("a"), refusal("b"), text("c"), ...finished("content_filter")],
      [text("a"), { _tag: "TextDelta", choice: 1, text: "another choice" }, ...finished("length")]
    ]
    for (const events of answers) {
      const frames = streamed(events)
      const last = frames.at(-1)?.response
      const done = frames
        .filter(({ type }) => type === "response.output_item.done")
        .toSorted((a, b) => (a.output_index ?? 0) - (b.output_index ?? 0))
      assert.deepStrictEqual(
        done.map(({ item }) => item),
        [...(last?.output ?? [])]
      )
      const answer = whole(events)
      assert.strictEqual(answer.status, last?.status)
      assert.deepStrictEqual(withoutIds(answer.output), withoutIds(last?.output ?? []))
    }
  })

  it("that fails tells it twice, as the SDK and as agents hear it, and has no other end", () => {
    const failures: ReadonlyArray<readonly [error: XRouterError, code: string]> = [
      [new ProviderError({ reason: "provider_failed", message: "It broke", provider: "p" }), "server_error"],
      [
        new RateLimitError({ reason: "provider_rate_limit", message: "Slower", retryAfterMillis: 1000 }),
        "rate_limit_exceeded"
      ],
      [new ValidationError({ reason: "context_length_exceeded", message: "Too long" }), "context_length_exceeded"],
      [new ValidationError({ reason: "provider_rejected_request", message: "No" }), "invalid_prompt"]
    ]
    for (const [error, code] of failures) {
      for (const events of [[], [text("Hel")]]) {
        const writer = form.frames(head, { model: "m", messages: [] })
        const frames = framesIn(events.map((event) => writer.frames([event])).join("") + writer.fail(error, options))
        const [told, failed] = frames.slice(-2)
        assert.strictEqual(frames[0]?.type, "response.created")
        assert.deepInclude({ ...told }, { type: "error", code: error.code })
        assert.deepStrictEqual(failed?.type, "response.failed")
        assert.deepInclude(
          { ...failed?.response },
          { status: "failed", error: { code, message: error.message }, usage: null }
        )
        assert.isTrue(failed?.response?.output.every(({ status }) => status === "incomplete"))
        assert.lengthOf(failed?.response?.output ?? [], events.length)
      }
    }
  })
})
