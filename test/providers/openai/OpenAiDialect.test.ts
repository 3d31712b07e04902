import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { ChatEvent } from "../../../src/domain/ChatEvent.ts"
import { call, chunk, dialect, failure, read, stream, told } from "./openAiCall.ts"

const finished = { _tag: "Finished" } as const
const stopped = { _tag: "ChoiceFinished", choice: 0, reason: "stop" } as const

describe("OpenAI request", () => {
  /** The request of `call` with more fields, known or not. */
  const lowered = (fields: object) =>
    Result.getOrThrow(dialect.lower({ ...call, request: { ...call.request, ...fields } }))

  it("is the client's own, with the upstream's name for the model", () => {
    const request = {
      messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:," } }], name: "Анна" }],
      temperature: 0,
      max_completion_tokens: 5,
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
      response_format: { type: "json_schema", json_schema: { name: "s", schema: {} } },
      seed: null,
      prompt_cache_key: "k",
      not_yet_invented: { deep: [1, null] }
    } as const
    const { body, dropped } = lowered(request)
    assert.deepStrictEqual(body, { ...request, model: "gpt-test" })
    assert.deepStrictEqual(dropped, [])
  })

  it("asks for the usage of every stream, and keeps the other options of the stream", () => {
    assert.deepStrictEqual(lowered({ stream: true }).body["stream_options"], {
      include_usage: true
    })
    assert.deepStrictEqual(
      lowered({
        stream: true,
        stream_options: { include_usage: false, include_obfuscation: false }
      }).body["stream_options"],
      { include_usage: true, include_obfuscation: false }
    )
    assert.notProperty(lowered({}).body, "stream_options")
    assert.notProperty(lowered({ stream: false }).body, "stream_options")
  })
})

describe("OpenAI answer", () => {
  const answer = {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "gpt-test-2026",
    service_tier: "default",
    system_fingerprint: null,
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Да.", refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: "stop"
      }
    ],
    usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 }
  }
  const withChoice = (choice: unknown) => ({ ...answer, choices: [choice] })
  const withMessage = (message: unknown, finish = "stop") => withChoice({ index: 0, message, finish_reason: finish })

  it("begins with what it says of itself, and ends with its usage", () => {
    assert.deepStrictEqual(Result.getOrThrow(read(answer)), [
      { _tag: "Started", upstreamModel: "gpt-test-2026", extra: { service_tier: "default" } },
      { _tag: "TextDelta", choice: 0, text: "Да." },
      stopped,
      { _tag: "Finished", usage: { promptTokens: 9, completionTokens: 3, cachedTokens: 0, reasoningTokens: 0 } }
    ])
  })

  it("keeps log probabilities, refusals, annotations, audio and fields that are not known yet", () => {
    const message = {
      role: "assistant",
      content: "x",
      refusal: "no",
      annotations: [{ type: "url_citation" }],
      audio: { id: "a" },
      future: 1
    }
    assert.deepStrictEqual(
      told(
        read(withChoice({ index: 0, message, logprobs: { content: [], refusal: null }, finish_reason: "stop" }))
      ).slice(0, 2),
      [
        { _tag: "TextDelta", choice: 0, text: "x", extra: { logprobs: { content: [], refusal: null } } },
        {
          _tag: "ChoiceExtra",
          choice: 0,
          delta: { refusal: "no", annotations: [{ type: "url_citation" }], audio: { id: "a" }, future: 1 }
        }
      ]
    )
  })

  for (const field of ["reasoning_content", "reasoning"]) {
    it(`tells ${field} before the text`, () => {
      assert.deepStrictEqual(told(read(withMessage({ content: "x", [field]: "Думаю" }))).slice(0, 2), [
        { _tag: "ReasoningDelta", choice: 0, text: "Думаю" },
        { _tag: "TextDelta", choice: 0, text: "x" }
      ])
    })
  }

  it("reads tool calls, also with arguments as an object and with an index that does not belong there", () => {
    const tool_calls = [
      { id: "call_a", type: "function", function: { name: "weather", arguments: '{"city":"Тула"}' } },
      { index: 0, id: "call_b", type: "function", function: { name: "time", arguments: { zone: 3 } } }
    ]
    assert.deepStrictEqual(told(read(withMessage({ content: null, tool_calls }, "tool_calls"))).slice(0, 3), [
      { _tag: "ToolCallDelta", choice: 0, call: 0, id: "call_a", name: "weather", arguments: '{"city":"Тула"}' },
      { _tag: "ToolCallDelta", choice: 0, call: 1, id: "call_b", name: "time", arguments: '{"zone":3}' },
      { _tag: "ChoiceFinished", choice: 0, reason: "tool_calls" }
    ])
  })

  it("gives two calls of one id, or of none, ids of their own", () => {
    const named = { type: "function", function: { name: "weather", arguments: "{}" } }
    const tool_calls = [{ id: "weather", ...named }, { id: "weather", ...named }, named]
    const ids = told(read(withMessage({ tool_calls }, "tool_calls"))).flatMap((event) =>
      event._tag === "ToolCallDelta" ? [event.id] : []
    )
    assert.deepStrictEqual(ids, ["weather", "call_req_1_0_1", "call_req_1_0_2"])
  })

  it("counts calls of custom tools and of functions together, in their order", () => {
    const tool_calls = [
      { id: "call_a", type: "custom", custom: { name: "sql", input: "select 1" } },
      { id: "call_b", type: "function", function: { name: "time", arguments: "{}" } }
    ]
    assert.deepStrictEqual(told(read(withMessage({ tool_calls }, "tool_calls"))).slice(0, 2), [
      {
        _tag: "ToolCallDelta",
        choice: 0,
        call: 0,
        isCustom: true,
        id: "call_a",
        name: "sql",
        arguments: "select 1"
      },
      { _tag: "ToolCallDelta", choice: 0, call: 1, id: "call_b", name: "time", arguments: "{}" }
    ])
  })

  it("joins content that comes in parts", () => {
    const content = [{ type: "text", text: "Д" }, { type: "text", text: "а" }, { type: "other" }]
    assert.deepStrictEqual(told(read(withMessage({ content })))[0], { _tag: "TextDelta", choice: 0, text: "Да" })
  })

  it("tells every choice by its index", () => {
    const choices = [1, 0].map((index) => ({ index, message: { content: `${index}` }, finish_reason: "length" }))
    assert.deepStrictEqual(told(read({ ...answer, choices, usage: undefined })), [
      { _tag: "TextDelta", choice: 1, text: "1" },
      { _tag: "ChoiceFinished", choice: 1, reason: "length" },
      { _tag: "TextDelta", choice: 0, text: "0" },
      { _tag: "ChoiceFinished", choice: 0, reason: "length" },
      finished
    ])
  })

  for (const [said, reason] of [
    ["stop", "stop"],
    ["length", "length"],
    ["tool_calls", "tool_calls"],
    ["content_filter", "content_filter"],
    ["function_call", "function_call"],
    ["max_tokens", "length"],
    ["SAFETY", "content_filter"],
    ["eos", "stop"]
  ] as const) {
    it(`tells finish_reason ${said} as ${reason}`, () => {
      assert.deepInclude(told(read(withMessage({ content: "x" }, said))), { _tag: "ChoiceFinished", choice: 0, reason })
    })
  }

  for (const [what, usage, expected] of [
    [
      "with details",
      {
        prompt_tokens: 9,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 2 }
      },
      [9, 5, 4, 2]
    ],
    [
      "with DeepSeek's cache hits",
      { prompt_tokens: 9, completion_tokens: 5, prompt_cache_hit_tokens: 3 },
      [9, 5, 3, 0]
    ],
    ["as strings", { prompt_tokens: "9", completion_tokens: "5" }, [9, 5, 0, 0]],
    [
      "of negative counts",
      { prompt_tokens: 9, completion_tokens: -5, prompt_tokens_details: { cached_tokens: -1 } },
      [9, 0, 0, 0]
    ],
    [
      "of more cached tokens than there were",
      { prompt_tokens: 9, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 90 } },
      [9, 5, 9, 0]
    ],
    ["of huge counts", { prompt_tokens: 1e300, completion_tokens: 5 }, [2 ** 31 - 1, 5, 0, 0]]
  ] as const) {
    it(`reads a usage ${what}`, () => {
      const [promptTokens, completionTokens, cachedTokens, reasoningTokens] = expected
      assert.deepStrictEqual(told(read({ ...answer, usage })).at(-1), {
        _tag: "Finished",
        usage: { promptTokens, completionTokens, cachedTokens, reasoningTokens }
      })
    })
  }

  it("takes a usage of nothing for none", () => {
    for (const usage of [null, {}, { prompt_tokens: 0, completion_tokens: 0 }, "12", undefined]) {
      assert.deepStrictEqual(told(read({ ...answer, usage })).at(-1), finished)
    }
  })

  for (const [what, body] of [
    ["that is not JSON", "<html><title>Bad gateway</title></html>"],
    ["that is empty", ""],
    ["that is a list", "[]"],
    ["without choices", JSON.stringify({ ...answer, choices: [] })],
    ["without finish_reason", JSON.stringify(withChoice({ index: 0, message: { content: "x" }, finish_reason: null }))]
  ] as const) {
    it(`is refused where it is one ${what}`, () => {
      const refused = failure(dialect.read(call, body))
      assert.strictEqual(refused._tag, "ProviderError")
      assert.strictEqual(refused.reason, "provider_invalid_answer")
    })
  }

  it("is a failure where a 200 holds an error", () => {
    const limited = failure(read({ error: { message: "Slow down", code: 429 } }))
    assert.strictEqual(limited.reason, "provider_rate_limit")
    const wrong = failure(read({ error: { message: "bad tool", type: "invalid_request_error", param: "tools[0]" } }))
    assert.strictEqual(wrong.reason, "provider_rejected_request")
    const unknown = failure(read({ error: "upstream exploded" }))
    assert.strictEqual(unknown.reason, "provider_failed")
    assert.isTrue(unknown._tag === "ProviderError" && unknown.isRetryable)
  })
})

describe("OpenAI stream", () => {
  const [first, hello, stop] = [chunk({ role: "assistant", content: "" }), chunk({ content: "Да" }), chunk({}, "stop")]
  const counted = (completion: number) => ({ prompt_tokens: 9, completion_tokens: completion })
  const usageOf = (completionTokens: number): ChatEvent => ({
    _tag: "Finished",
    usage: { promptTokens: 9, completionTokens, cachedTokens: 0, reasoningTokens: 0 }
  })

  it("begins once, tells its pieces, and ends with the usage of the last chunk", () => {
    assert.deepStrictEqual(
      Result.getOrThrow(
        stream(
          { ...first, system_fingerprint: "fp", obfuscation: "xx" },
          hello,
          chunk({ content: "." }),
          stop,
          { ...first, choices: [], usage: counted(2) },
          "[DONE]"
        )
      ),
      [
        { _tag: "Started", upstreamModel: "gpt-test-2026", extra: { system_fingerprint: "fp" } },
        { _tag: "TextDelta", choice: 0, text: "Да" },
        { _tag: "TextDelta", choice: 0, text: "." },
        stopped,
        usageOf(2)
      ]
    )
  })

  for (const [what, frames, end] of [
    [
      "a usage in every chunk, the last of which counts",
      [{ ...hello, usage: counted(1) }, { ...stop, usage: counted(2) }, "[DONE]"],
      usageOf(2)
    ],
    ["a usage before the finish", [{ ...first, choices: [], usage: counted(3) }, hello, stop, "[DONE]"], usageOf(3)],
    ["a usage in the chunk of the finish", [hello, { ...stop, usage: counted(4) }, "[DONE]"], usageOf(4)],
    [
      "nulls for usage after a usage",
      [{ ...hello, usage: counted(5) }, { ...stop, usage: null }, "[DONE]"],
      usageOf(5)
    ],
    [
      "a usage after [DONE], which does not count",
      [hello, stop, "[DONE]", { ...first, choices: [], usage: counted(9) }],
      finished
    ],
    ["[DONE] twice", [hello, stop, "[DONE]", "[DONE]"], finished],
    ["no [DONE]", [hello, stop], finished],
    ["the finish twice", [hello, stop, stop, "[DONE]"], finished],
    ["text and finish in one chunk", [chunk({ content: "Да" }, "stop"), "[DONE]"], finished],
    [
      "an empty choice after the finish",
      [hello, stop, { ...chunk({ content: "" }), usage: counted(1) }, "[DONE]"],
      usageOf(1)
    ],
    ["empty events", ["", hello, "", stop, "[DONE]"], finished]
  ] as const) {
    it(`may have ${what}`, () => {
      const events = told(stream(first, ...frames))
      assert.deepStrictEqual(events, [{ _tag: "TextDelta", choice: 0, text: "Да" }, stopped, end])
    })
  }

  for (const [what, frames] of [
    ["[DONE] comes without a finish_reason", [first, hello, "[DONE]"]],
    ["[DONE] is all that comes", ["[DONE]"]],
    ["a frame is not JSON", [first, "<html>"]],
    ["a frame is JSON but no object", [first, "[1]"]]
  ] as const) {
    it(`is an invalid answer where ${what}`, () => {
      assert.strictEqual(failure(stream(...frames)).reason, "provider_invalid_answer")
    })
  }

  it("is cut where it ends without a finish_reason, of any choice that began", () => {
    assert.strictEqual(failure(stream()).reason, "provider_failed")
    const cut = failure(stream(first, hello))
    assert.strictEqual(cut.reason, "provider_failed")
    assert.match(cut.message, /in the middle of its answer/)
    const second = { ...first, choices: [{ index: 1, delta: { content: "x" }, finish_reason: null }] }
    assert.strictEqual(failure(stream(first, hello, second, stop, "[DONE]")).reason, "provider_invalid_answer")
  })

  it("is a failure where the upstream gives up", () => {
    const gaveUp = failure(stream(first, hello, chunk({}, "insufficient_system_resource")))
    assert.strictEqual(gaveUp.reason, "provider_failed")
    assert.match(gaveUp.message, /insufficient_system_resource/)
  })

  it("is a failure where an error comes in the middle, in its own status", () => {
    const unavailable = failure(
      stream(first, hello, {
        ...chunk({ content: "" }, "error"),
        error: { code: 502, message: "Provider disconnected" }
      })
    )
    assert.strictEqual(unavailable.reason, "provider_failed")
    assert.isTrue(unavailable._tag === "ProviderError" && unavailable.upstreamStatus === 502)
    assert.strictEqual(
      failure(stream(first, { error: { type: "rate_limit_error", message: "x" } })).reason,
      "provider_rate_limit"
    )
    assert.strictEqual(
      failure(stream(first, { object: "error", message: "x", code: 400 })).reason,
      "provider_rejected_request"
    )
    assert.strictEqual(
      failure(stream(first, { error: { type: "overloaded_error", message: "x" } })).reason,
      "provider_unavailable"
    )
  })

  it("takes an error that is null for none", () => {
    assert.deepStrictEqual(told(stream({ ...first, error: null }, { ...stop, error: null }, "[DONE]")), [
      stopped,
      finished
    ])
  })

  it("tells thoughts, refusals, log probabilities and unknown fields as they come", () => {
    const logprobs = { content: [{ token: "x", logprob: -0.1 }] }
    const withLogprobs = { ...first, choices: [{ index: 0, delta: { content: "x" }, logprobs, finish_reason: null }] }
    assert.deepStrictEqual(
      told(
        stream(
          first,
          chunk({ reasoning_content: "Ду" }),
          chunk({ refusal: "не" }),
          withLogprobs,
          chunk({ reasoning_details: [{ a: 1 }] }),
          stop
        )
      ).slice(0, 4),
      [
        { _tag: "ReasoningDelta", choice: 0, text: "Ду" },
        { _tag: "ChoiceExtra", choice: 0, delta: { refusal: "не" } },
        { _tag: "TextDelta", choice: 0, text: "x", extra: { logprobs } },
        { _tag: "ChoiceExtra", choice: 0, delta: { reasoning_details: [{ a: 1 }] } }
      ]
    )
  })
})
