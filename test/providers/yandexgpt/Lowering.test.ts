import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import * as YandexDialect from "../../../src/providers/yandexgpt/YandexDialect.ts"
import { call } from "./Calls.ts"

const dialect = YandexDialect.make({
  provider: "yandexgpt",
  folderId: "b1gfolder",
  secrets: [Redacted.make("AQVNsecret")]
})

const lowered = (fields: object, model?: string) => Result.getOrThrow(dialect.lower(call(fields, model)))
const refused = (fields: object, model?: string) => Result.getOrThrow(Result.flip(dialect.lower(call(fields, model))))

describe("YandexDialect.lower", () => {
  it("says a whole request in the vendor's words, and nothing beside", () => {
    const { body, dropped } = lowered({
      messages: [
        { role: "system", content: "Отвечай кратко" },
        { role: "developer", content: "По-русски" },
        {
          role: "user",
          content: [
            { type: "text", text: "Раз" },
            { type: "text", text: "два" }
          ]
        },
        { role: "assistant", content: "Три" },
        { role: "user", content: "Дальше?" }
      ],
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.4,
      max_tokens: 100,
      reasoning_effort: "high"
    })
    assert.deepStrictEqual(body, {
      modelUri: "gpt://b1gfolder/yandexgpt",
      completionOptions: {
        stream: true,
        temperature: 0.4,
        maxTokens: "100",
        reasoningOptions: { mode: "ENABLED_HIDDEN" }
      },
      messages: [
        { role: "system", text: "Отвечай кратко" },
        { role: "system", text: "По-русски" },
        { role: "user", text: "Раз\nдва" },
        { role: "assistant", text: "Три" },
        { role: "user", text: "Дальше?" }
      ]
    })
    assert.deepStrictEqual(dropped, [])
  })

  it("adds no option that the caller did not give", () => {
    assert.deepStrictEqual(lowered({}).body["completionOptions"], { stream: false })
  })

  it("gives our request id as the UUID that the vendor wants", () => {
    assert.deepStrictEqual(lowered({}).headers, { "x-client-request-id": "01234567-89ab-cdef-0123-456789abcdef" })
    const other = dialect.lower({ ...call(), requestId: "whatever a client chose" })
    assert.match(
      Result.getOrThrow(other).headers?.["x-client-request-id"] ?? "",
      /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
    )
  })

  const names: ReadonlyArray<readonly [model: string, uri: string]> = [
    ["yandexgpt", "gpt://b1gfolder/yandexgpt"],
    ["yandexgpt-5.1", "gpt://b1gfolder/yandexgpt-5.1"],
    ["yandexgpt:latest", "gpt://b1gfolder/yandexgpt/latest"],
    ["yandexgpt-lite:rc", "gpt://b1gfolder/yandexgpt-lite/rc"],
    ["yandexgpt:deprecated", "gpt://b1gfolder/yandexgpt/deprecated"],
    ["yandexgpt/rc", "gpt://b1gfolder/yandexgpt/rc"],
    ["yandexgpt-lite/latest@tamr1a2b3", "gpt://b1gfolder/yandexgpt-lite/latest@tamr1a2b3"],
    ["gpt://b1gfolder/aliceai-llm", "gpt://b1gfolder/aliceai-llm"],
    ["gpt://b1gfolder/yandexgpt/rc", "gpt://b1gfolder/yandexgpt/rc"]
  ]
  it.each(names)("takes the model name %s", (model, uri) => {
    assert.strictEqual(lowered({}, model).body["modelUri"], uri)
  })

  const strangers = [
    "gpt://b1gother/yandexgpt",
    "gpt://b1gfolder",
    "gpt://b1gfolder/",
    "gpt:///yandexgpt",
    "gpt://b1gfolder/../b1gother/yandexgpt",
    "emb://b1gfolder/text-search-doc",
    "ds://bt1tuned",
    "yandexgpt/rc/more",
    "yandexgpt:",
    "../yandexgpt",
    "yandexgpt rc",
    "yandexgpt\n"
  ]
  it.each(strangers)("has no model %j", (model) => {
    const error = refused({}, model)
    assert.strictEqual(error.reason, "model_not_found")
    assert.strictEqual(error.param, "model")
    assert.notInclude(error.message.replace(model, ""), "b1gfolder")
  })

  it("lets the newer name of max_tokens win", () => {
    const { body } = lowered({ max_tokens: 1, max_completion_tokens: 2_147_483_647 })
    assert.deepStrictEqual(body["completionOptions"], { stream: false, maxTokens: "2147483647" })
  })

  it("clamps a temperature over 1 and reports it; 0 and 1 go as they are", () => {
    const hot = lowered({ temperature: 1.7 })
    assert.deepStrictEqual(hot.body["completionOptions"], { stream: false, temperature: 1 })
    assert.deepStrictEqual(hot.dropped, ["temperature"])
    for (const temperature of [0, 1]) {
      const { body, dropped } = lowered({ temperature })
      assert.deepStrictEqual(body["completionOptions"], { stream: false, temperature })
      assert.deepStrictEqual(dropped, [])
    }
  })

  const efforts: ReadonlyArray<readonly [effort: string, mode: string]> = [
    ["none", "DISABLED"],
    ["minimal", "DISABLED"],
    ["low", "ENABLED_HIDDEN"],
    ["medium", "ENABLED_HIDDEN"],
    ["xhigh", "ENABLED_HIDDEN"]
  ]
  it.each(efforts)("turns the reasoning effort %s to %s", (reasoning_effort, mode) => {
    assert.deepStrictEqual(lowered({ reasoning_effort }).body["completionOptions"], {
      stream: false,
      reasoningOptions: { mode }
    })
  })

  it("skips assistant messages without text, and keeps a refusal as what was said", () => {
    const { body } = lowered({
      messages: [
        { role: "user", content: "Раз" },
        { role: "assistant", content: null },
        { role: "assistant", content: "", tool_calls: [] },
        { role: "assistant", content: [{ type: "refusal", refusal: "Не могу" }] },
        { role: "user", content: "Два" }
      ]
    })
    assert.deepStrictEqual(body["messages"], [
      { role: "user", text: "Раз" },
      { role: "assistant", text: "Не могу" },
      { role: "user", text: "Два" }
    ])
  })

  it("reports what it leaves out", () => {
    const { body, dropped } = lowered({
      top_p: 0.5,
      seed: 7,
      frequency_penalty: 0.5,
      presence_penalty: -1,
      top_k: 40
    })
    assert.deepStrictEqual(body["completionOptions"], { stream: false })
    assert.deepStrictEqual(dropped, ["top_p", "seed", "frequency_penalty", "presence_penalty", "top_k"])
  })

  it("says nothing of parameters that ask for what happens anyway", () => {
    const { dropped } = lowered({
      n: 1,
      stop: "",
      tools: [],
      tool_choice: "auto",
      parallel_tool_calls: false,
      response_format: { type: "text" },
      logprobs: false,
      logit_bias: {},
      frequency_penalty: 0,
      presence_penalty: 0,
      modalities: ["text"],
      store: false,
      service_tier: "auto",
      prediction: null
    })
    assert.deepStrictEqual(dropped, [])
  })

  it("lets no name into the report that could not stand in a header", () => {
    assert.deepStrictEqual(lowered({ "x\r\nset-cookie: a": 1, ключ: 1, [`x${"y".repeat(64)}`]: 1 }).dropped, [])
  })

  const hi = { role: "user", content: "Hi" }
  const unsupported: ReadonlyArray<readonly [param: string, fields: object]> = [
    ["functions", { functions: [{ name: "f", parameters: {} }] }],
    ["function_call", { function_call: { name: "f" } }],
    ["response_format.type", { response_format: { type: "regex", regex: "a*" } }],
    ["n", { n: 2 }],
    ["stop", { stop: "END" }],
    ["stop", { stop: ["END", "STOP"] }],
    ["logit_bias", { logit_bias: { "50256": -100 } }],
    ["logprobs", { logprobs: true }],
    ["top_logprobs", { top_logprobs: 3 }],
    ["audio", { audio: { voice: "alloy", format: "mp3" } }],
    ["modalities", { modalities: ["text", "audio"] }],
    ["web_search_options", { web_search_options: {} }],
    ["messages[1].role", { messages: [hi, { role: "function", name: "f", content: "21" }] }],
    [
      "messages[1].function_call",
      { messages: [hi, { role: "assistant", content: null, function_call: { name: "f", arguments: "{}" } }] }
    ],
    [
      "messages[0].content[1]",
      {
        messages: [
          {
            role: "user",
            content: [
              { type: "text", text: "a" },
              { type: "image_url", image_url: { url: "x" } }
            ]
          }
        ]
      }
    ]
  ]
  it.each(unsupported)("refuses %s by its path", (param, fields) => {
    const error = refused(fields)
    assert.deepStrictEqual(
      { reason: error.reason, param: error.param, provider: error.provider },
      { reason: "unsupported_parameter", param, provider: "yandexgpt" }
    )
    assert.include(error.message, param)
  })

  it("refuses a schema that is not there", () => {
    for (const json_schema of [undefined, { name: "a" }]) {
      const error = refused({ response_format: { type: "json_schema", ...(json_schema && { json_schema }) } })
      assert.deepStrictEqual([error.reason, error.param], ["invalid_body", "response_format.json_schema.schema"])
    }
  })

  it("refuses a text part without text", () => {
    const error = refused({ messages: [{ role: "user", content: [{ type: "text" }] }] })
    assert.deepStrictEqual([error.reason, error.param], ["invalid_body", "messages[0].content[0].text"])
  })
})
