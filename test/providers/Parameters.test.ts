import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { JsonObject } from "../../src/domain/Json.ts"
import * as GigaChatDialect from "../../src/providers/gigachat/GigaChatDialect.ts"
import { type Carrier, checkParameters, droppedNames } from "../../src/providers/Parameters.ts"
import * as YandexDialect from "../../src/providers/yandexgpt/YandexDialect.ts"
import { call } from "./yandexgpt/Calls.ts"

const carrier = (...carried: ReadonlyArray<string>): Carrier => ({
  provider: "p",
  who: "P models",
  carried: new Set(carried)
})

const refusal = (fields: JsonObject, ...carried: ReadonlyArray<string>) =>
  Result.match(checkParameters(fields, carrier(...carried)), {
    onFailure: ({ reason, param, provider }) => ({ reason, param, provider }),
    onSuccess: () => undefined
  })

const aTool = { type: "function", function: { name: "f" } }

const demands: ReadonlyArray<readonly [param: string, value: JsonObject[string]]> = [
  ["tools", [aTool]],
  ["tool_choice", "required"],
  ["tool_choice", { type: "function", function: { name: "f" } }],
  ["functions", [{ name: "f" }]],
  ["function_call", { name: "f" }],
  ["response_format", { type: "json_object" }],
  ["response_format", { type: "json_schema", json_schema: {} }],
  ["n", 2],
  ["stop", "END"],
  ["stop", ["END"]],
  ["logit_bias", { "1": 5 }],
  ["logprobs", true],
  ["top_logprobs", 2],
  ["modalities", ["text", "audio"]],
  ["audio", { voice: "alloy", format: "mp3" }],
  ["web_search_options", {}]
]

/** Each asks for nothing that is not so anyway. */
const modest: JsonObject = {
  tools: [],
  tool_choice: "auto",
  functions: [],
  function_call: "none",
  response_format: { type: "text" },
  n: 1,
  stop: "",
  logit_bias: {},
  logprobs: false,
  top_logprobs: 0,
  modalities: ["text"],
  audio: null,
  web_search_options: null
}

/** Of no account to an answer, whatever their values. */
const inaudible: JsonObject = {
  user: "u-1",
  safety_identifier: "s-1",
  prompt_cache_key: "k",
  metadata: { a: "b" },
  store: true,
  service_tier: "flex",
  stream_options: { include_usage: true },
  prediction: { type: "content", content: "x" },
  parallel_tool_calls: false
}

describe("A parameter that would have to change the answer", () => {
  for (const [param, value] of demands) {
    it(`is refused by who cannot carry it: ${param} ${JSON.stringify(value)}`, () => {
      assert.deepStrictEqual(refusal({ [param]: value }), { reason: "unsupported_parameter", param, provider: "p" })
    })

    it(`passes who can carry it: ${param} ${JSON.stringify(value)}`, () => {
      assert.isUndefined(refusal({ [param]: value }, param))
    })
  }

  it("passes, and is not said to be dropped, where it asks for nothing", () => {
    for (const [param, value] of Object.entries(modest)) {
      assert.isUndefined(refusal({ [param]: value }), param)
      assert.deepStrictEqual(droppedNames({ [param]: value }, carrier()), [], param)
    }
  })

  it("passes where the caller forbids what it offers", () => {
    assert.isUndefined(refusal({ tools: [aTool], tool_choice: "none" }))
    assert.isUndefined(refusal({ functions: [{ name: "f" }], function_call: "none" }))
  })

  it("is named in the message, with who refuses it and what would do", () => {
    const message = (fields: JsonObject) => Result.getOrThrow(Result.flip(checkParameters(fields, carrier()))).message
    assert.strictEqual(message({ n: 2 }), "`n` is not supported by P models: it can only be 1")
    assert.strictEqual(message({ stop: ["END"] }), "`stop` is not supported by P models")
  })
})

describe("A parameter that is left out", () => {
  const names = (fields: JsonObject, lost: ReadonlyArray<string> = [], ...carried: ReadonlyArray<string>) =>
    droppedNames(fields, carrier(...carried), lost)

  it("is named where the answer might have been another one with it", () => {
    const fields = { seed: 0, top_p: 0, temperature: 0, frequency_penalty: 0.5, top_k: 40, reasoning_effort: "none" }
    assert.deepStrictEqual(names({ ...fields, enable_thinking: false }), [...Object.keys(fields), "enable_thinking"])
  })

  it("is not named where it makes no difference", () => {
    const neutral = { frequency_penalty: 0, presence_penalty: 0, top_k: 0, min_p: 0, top_p: 1, temperature: 1 }
    assert.deepStrictEqual(names({ ...inaudible, ...neutral, seed: null, verbosity: "medium" }), [])
  })

  it("is not named where it is carried, but for a value that is lost", () => {
    assert.deepStrictEqual(names({ model: "m", max_tokens: 1, temperature: 2 }, [], "temperature"), [])
    assert.deepStrictEqual(names({ model: "m", temperature: 2 }, ["temperature"], "temperature"), ["temperature"])
  })

  it("is not named where its name could not stand in a header", () => {
    assert.deepStrictEqual(names({ "x\r\nset-cookie: a": 1, ключ: 1, "": 1, [`x${"y".repeat(64)}`]: 1, ok: 1 }), ["ok"])
  })
})

const carriedByBoth = new Set(["tools", "tool_choice", "functions", "function_call", "response_format"])

describe("GigaChat and YandexGPT", () => {
  const dialects = [
    GigaChatDialect.make("gigachat"),
    YandexDialect.make({ provider: "yandexgpt", folderId: "b1gfolder", secrets: [] })
  ]

  it("name the same parameters where neither carries them", () => {
    const fields = { ...modest, ...inaudible, seed: 7, presence_penalty: 1, frequency_penalty: 0, top_k: 40, own: true }
    for (const { lower } of dialects) {
      const { dropped } = Result.getOrThrow(lower(call(fields)))
      assert.deepStrictEqual(dropped, ["seed", "presence_penalty", "top_k", "own"])
    }
  })

  it("refuse the same parameters in the same words", () => {
    for (const [param, value] of demands) {
      if (carriedByBoth.has(param)) continue
      const messages = dialects.map(({ lower }) =>
        Result.getOrThrow(Result.flip(lower(call({ [param]: value })))).message.replace(/by \w+ models/, "")
      )
      assert.strictEqual(new Set(messages).size, 1, param)
    }
  })
})
