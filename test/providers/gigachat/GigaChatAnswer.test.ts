import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { readFileSync } from "node:fs"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import type { ProviderFailure } from "../../../src/domain/Errors.ts"
import { make } from "../../../src/providers/gigachat/GigaChatDialect.ts"
import { sse } from "../../../src/providers/SseFraming.ts"
import { framesIn, heard } from "../dialects.ts"
import { callOf } from "./gigaChatCall.ts"

const dialect = make("gigachat")
const call = callOf()

const about = { created: 1_790_000_000, model: "GigaChat:2.0.28.2", object: "chat.completion" }
const usage = { prompt_tokens: 17, completion_tokens: 3, total_tokens: 20, precached_prompt_tokens: 2 }
const whole = (message: object, finish_reason: unknown = "stop", more: object = { usage }) =>
  JSON.stringify({
    choices: [{ message: { role: "assistant", ...message }, index: 0, finish_reason }],
    ...about,
    ...more
  })
const chunk = (delta: object, finish_reason?: string, more: object = {}) =>
  JSON.stringify({
    choices: [{ delta, index: 0, ...(finish_reason === undefined ? {} : { finish_reason }) }],
    ...about,
    ...more
  })

const started: ChatEvent = { _tag: "Started", upstreamModel: "GigaChat:2.0.28.2" }
const text = (text: string): ChatEvent => ({ _tag: "TextDelta", choice: 0, text })
const counted = { promptTokens: 19, completionTokens: 3, cachedTokens: 2, reasoningTokens: 0 }

const success = <A>(result: Result.Result<A, ProviderFailure>): A => {
  if (Result.isFailure(result)) throw new Error(result.failure.message)
  return result.success
}
const failure = <A>(result: Result.Result<A, ProviderFailure>): ProviderFailure => {
  if (Result.isSuccess(result)) throw new Error("it was read")
  return result.failure
}
const read = (body: string) => dialect.read(call, body)

const run = (frames: ReadonlyArray<string>) => heard(dialect, call, frames)

describe("A whole answer of GigaChat", () => {
  it("is told as events, with its cached tokens among those of the prompt", () => {
    assert.deepStrictEqual(success(read(whole({ content: "Привет." }))), [
      started,
      text("Привет."),
      { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
      { _tag: "Finished", usage: counted }
    ])
  })

  it("has its thinking told before its text", () => {
    const tags = success(read(whole({ content: "42", reasoning_content: "шесть на семь" }))).map(({ _tag }) => _tag)
    assert.deepStrictEqual(tags, ["Started", "ReasoningDelta", "TextDelta", "ChoiceFinished", "Finished"])
  })

  it("has the reasons of its end translated, the censor's with its canned text", () => {
    const reasonOf = (reason: string) =>
      success(read(whole({ content: "…" }, reason))).flatMap((event) =>
        event._tag === "ChoiceFinished" ? event.reason : []
      )
    assert.deepStrictEqual(reasonOf("length"), ["length"])
    assert.deepStrictEqual(reasonOf("something new"), ["stop"])
    assert.deepStrictEqual(success(read(whole({ content: "Не люблю менять тему" }, "blacklist"))).slice(1, 3), [
      text("Не люблю менять тему"),
      { _tag: "ChoiceFinished", choice: 0, reason: "content_filter" }
    ])
  })

  it("may count nothing, or count in strings and nonsense", () => {
    const usageOf = (more: object) => success(read(whole({ content: "а" }, "stop", more))).at(-1)
    assert.deepStrictEqual(usageOf({}), { _tag: "Finished", usage: undefined })
    assert.deepStrictEqual(usageOf({ usage: {} }), { _tag: "Finished", usage: undefined })
    assert.deepStrictEqual(usageOf({ usage: { prompt_tokens: "5", completion_tokens: -1 } }), {
      _tag: "Finished",
      usage: { promptTokens: 5, completionTokens: 0, cachedTokens: 0, reasoningTokens: 0 }
    })
  })

  describe("is a failure", () => {
    const cases: ReadonlyArray<readonly [string, string, object]> = [
      ["where it is HTML", "<html><title>502 Bad Gateway</title></html>", { reason: "provider_invalid_answer" }],
      ["where it is cut JSON", whole({ content: "а" }).slice(0, -5), { reason: "provider_invalid_answer" }],
      ["where it has no choice", JSON.stringify({ choices: [], ...about }), { reason: "provider_invalid_answer" }],
      ["where its content is no text", whole({ content: ["а"] }), { reason: "provider_invalid_answer" }],
      ["where it does not say how it ended", whole({ content: "а" }, null), { reason: "provider_failed" }],
      ["where the model broke off", whole({ content: "" }, "error"), { reason: "provider_failed" }],
      [
        "where it calls a function that was not offered",
        whole({ content: "", function_call: { name: "f", arguments: {} } }, "function_call"),
        { reason: "provider_invalid_answer" }
      ],
      [
        "where it ends with a call that it does not hold",
        whole({ content: "" }, "function_call"),
        { reason: "provider_invalid_answer" }
      ],
      [
        "of its own status inside a 200",
        '{"status":500,"message":"Internal"}',
        { reason: "provider_failed", upstreamStatus: 500 }
      ],
      ["and a limit, inside a 200", '{"status":429,"message":"Too many requests"}', { reason: "provider_rate_limit" }],
      ["told by a gateway between", '{"error":"no route"}', { reason: "provider_failed", upstreamMessage: "no route" }],
      ["told in OpenAI's form", '{"error":{"message":"over","code":429}}', { reason: "provider_rate_limit" }]
    ]
    for (const [name, body, expected] of cases) {
      it(name, () => {
        assert.deepInclude(failure(read(body)), { provider: "gigachat", ...expected })
      })
    }
  })
})

describe("A stream of GigaChat", () => {
  const recorded = readFileSync(new URL("golden/stream.txt", import.meta.url))
  const recordedEvents: Array<ChatEvent> = [
    started,
    text("Раз, два"),
    text(", три."),
    { _tag: "ChoiceFinished", choice: 0, reason: "stop" },
    { _tag: "Finished", usage: { promptTokens: 16, completionTokens: 7, cachedTokens: 4, reasoningTokens: 0 } }
  ]

  it.effect.prop(
    "is told in the same events wherever the network cuts its bytes",
    { cuts: Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: recorded.length }))) },
    ({ cuts }) =>
      Effect.sync(() => {
        const borders = [0, ...[...cuts].sort((a, b) => a - b), recorded.length]
        const pieces = borders.map((from, index) => recorded.subarray(from, borders[index + 1] ?? recorded.length))
        assert.deepStrictEqual(run(framesIn(sse, ...pieces)), { events: recordedEvents, failure: undefined })
      })
  )

  it("has text in the chunk that ends it split off, and needs no [DONE]", () => {
    assert.deepStrictEqual(
      run([chunk({ role: "assistant", content: "Да" }), chunk({ content: "." }, "length", { usage })]),
      {
        events: [
          started,
          text("Да"),
          text("."),
          { _tag: "ChoiceFinished", choice: 0, reason: "length" },
          { _tag: "Finished", usage: counted }
        ],
        failure: undefined
      }
    )
  })

  it("may tell its usage in a chunk of its own, after the end", () => {
    const { events } = run([
      chunk({ content: "а" }, "stop"),
      JSON.stringify({ choices: [], ...about, usage }),
      "[DONE]"
    ])
    assert.deepStrictEqual(events.at(-1), { _tag: "Finished", usage: counted })
  })

  it("is silent about the progress of built-in functions", () => {
    const { events } = run([
      chunk({ role: "function_in_progress", content: "рисую…" }),
      chunk({ role: "assistant", content: "Готово" }),
      chunk({ content: "" }, "stop"),
      "[DONE]"
    ])
    assert.deepStrictEqual(events.slice(0, 2), [started, text("Готово")])
  })

  it("tells thinking apart from text", () => {
    const { events } = run([
      chunk({ role: "assistant", content: "", reasoning_content: "хм" }),
      chunk({ content: "42" }, "stop")
    ])
    assert.deepStrictEqual(events.slice(1, 3), [{ _tag: "ReasoningDelta", choice: 0, text: "хм" }, text("42")])
  })

  it("that ends before its answer does is a failure and has no finish, [DONE] or not", () => {
    for (const end of [[], ["[DONE]"]]) {
      const cut = run([chunk({ role: "assistant", content: "Раз" }), ...end])
      assert.deepStrictEqual(cut.events, [started, text("Раз")])
      assert.deepInclude(cut.failure, {
        reason: "provider_failed",
        message: "gigachat cut off its answer before the end"
      })
    }
  })

  it("fails where an error stands in the place of a chunk, and keeps what came before", () => {
    const errors: ReadonlyArray<readonly [string, string]> = [
      ['{"status":503,"message":"overloaded"}', "provider_unavailable"],
      ['{"error":{"message":"boom"}}', "provider_failed"],
      ['{"choices":[{"delta":{}', "provider_invalid_answer"],
      [chunk({ content: "" }, "error"), "provider_failed"],
      [chunk({ function_call: { name: "f", arguments: {} } }, "function_call"), "provider_invalid_answer"]
    ]
    for (const [frame, reason] of errors) {
      const { events, failure } = run([chunk({ role: "assistant", content: "Раз" }), frame])
      assert.deepStrictEqual(events, [started, text("Раз")])
      assert.strictEqual(failure?.reason, reason)
    }
  })
})

describe("A refusal of GigaChat", () => {
  const refuse = (status: number, body: string, headers = {}) => dialect.refuse(call, { status, headers, body })
  const api = (status: number, message: string, headers = {}) =>
    refuse(status, `${JSON.stringify({ status, message })}\n`, headers)

  const cases: ReadonlyArray<readonly [string, ProviderFailure, object]> = [
    ["400", api(400, "invalid JSON syntax"), { code: "validation_error", reason: "provider_rejected_request" }],
    [
      "401 after the replay",
      api(401, "Token has expired"),
      { reason: "provider_rejected_credentials", isRetryable: false }
    ],
    ["402", api(402, "Payment Required"), { reason: "provider_failed", isRetryable: false }],
    ["403", api(403, "Permission denied"), { reason: "provider_rejected_credentials" }],
    ["404 of a model", api(404, "No such model"), { code: "validation_error", reason: "model_not_found" }],
    [
      "404 of a page",
      refuse(404, "<html><title>404</title></html>"),
      { reason: "provider_failed", isRetryable: false }
    ],
    ["408", api(408, "deadline"), { reason: "provider_failed", isRetryable: true }],
    ["413", api(413, "Payload too large"), { code: "validation_error", reason: "context_length_exceeded" }],
    [
      "422",
      api(422, "system message must be the first message"),
      { code: "validation_error", reason: "provider_rejected_request", provider: "gigachat" }
    ],
    [
      "429 with Retry-After",
      api(429, "Too many requests", { "retry-after": "3" }),
      { code: "rate_limit_error", reason: "provider_rate_limit", retryAfterMillis: 3000 }
    ],
    ["500 without a body", refuse(500, ""), { reason: "provider_failed", upstreamStatus: 500, isRetryable: true }],
    ["503", api(503, "busy"), { reason: "provider_unavailable" }],
    ["a page in place of a stream", refuse(200, "<html></html>"), { reason: "provider_invalid_answer" }],
    [
      "a limit in place of a stream",
      refuse(200, '{"status":429,"message":"Too many"}'),
      { reason: "provider_rate_limit" }
    ]
  ]
  for (const [name, told, expected] of cases) {
    it(`${name} is told as ${Object.values(expected).join(", ")}`, () => {
      for (const [key, value] of Object.entries(expected)) assert.propertyVal(told, key, value)
    })
  }

  it("quotes no JSON that it cannot read, as it may hold what the model said", () => {
    assert.notInclude(JSON.stringify(failure(read(whole({ content: "тайна" }).slice(0, -5)))), "тайна")
    assert.notInclude(JSON.stringify(refuse(200, whole({ content: "тайна" }))), "тайна")
  })

  it("quotes the upstream without its tokens", () => {
    const told = api(422, "Invalid params: Bearer eyJjdHkiOiJqd3QiLCJlbmMi.abc.def at gigachat.devices.sberbank.ru")
    assert.include(told.message, "Invalid params")
    assert.notInclude(told.message, "eyJ")
    assert.notInclude(told.message, "sberbank.ru")
  })
})
