import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { vendorNames, type VendorName } from "../../../src/config/Vendors.ts"
import { ChatRequest } from "../../../src/domain/ChatRequest.ts"
import * as OpenAiDialect from "../../../src/providers/openai/OpenAiDialect.ts"
import { openAiParameters } from "../../../src/providers/openai/OpenAiParameters.ts"
import { vendors } from "../../../src/providers/openai/Vendors.ts"
import { call } from "./openAiCall.ts"

const folder = new URL("golden/", import.meta.url)

const lower = (vendor: VendorName | undefined, model: string, request: ChatRequest) =>
  OpenAiDialect.make({ provider: "p" }, vendor === undefined ? undefined : vendors[vendor]).lower({
    ...call,
    model,
    request
  })

/** As it is written, with what is undefined left out. */
const written = (body: unknown): unknown => JSON.parse(JSON.stringify(body))

describe("golden requests", () => {
  for (const name of readdirSync(folder)) {
    it(`${name} goes to its vendor as it is written down`, () => {
      const { dropped, openai, sent, vendor } = JSON.parse(readFileSync(new URL(name, folder), "utf8"))
      assert.isTrue(Schema.is(ChatRequest)(openai))
      const before = structuredClone(openai)
      const lowered = Result.getOrThrow(lower(vendor, openai.model.slice(openai.model.indexOf("/") + 1), openai))
      assert.deepStrictEqual(written(lowered.body), sent)
      assert.deepStrictEqual(lowered.dropped, dropped)
      // Another candidate may be asked with the same request.
      assert.deepStrictEqual(openai, before)
    })
  }
})

const plain: ChatRequest = { model: "p/m", messages: [{ role: "user", content: "Да?" }] }

describe("the table of vendors", () => {
  it("changes nothing of a plain request, and nothing at all where the vendor is not known", () => {
    for (const vendor of [undefined, ...vendorNames]) {
      for (const request of [plain, { ...plain, temperature: 0.2, tools: [], top_k: 5, model_extra: { a: 1 } }]) {
        const { body, dropped } = Result.getOrThrow(lower(vendor, "m", request))
        assert.deepStrictEqual([written(body), dropped], [{ ...request, model: "m" }, []], vendor)
      }
    }
    const strange = {
      ...plain,
      max_completion_tokens: 5,
      n: 3,
      tool_choice: "required" as const,
      logit_bias: { "1": 1 }
    }
    assert.deepStrictEqual(Result.getOrThrow(lower(undefined, "o3", strange)).body, { ...strange, model: "o3" })
  })

  it("says of every vendor what its models can, in OpenAI's names", () => {
    for (const vendor of vendorNames) {
      for (const model of ["m", "o3", "gpt-5", "gpt-4o", "deepseek-reasoner"]) {
        const { formats, input, parameters } = vendors[vendor].abilitiesOf(model)
        assert.isTrue([...parameters].every((name) => openAiParameters.includes(name)))
        assert.includeMembers([...parameters], ["tools", "response_format"])
        assert.isAbove(formats.size, 0)
        assert.include([...input], "text")
      }
    }
  })

  it("tells a model that thinks by its name", () => {
    const thinks = (model: string) => vendors.openai.waysOf(model).length === "max_completion_tokens"
    for (const model of [
      "o1",
      "o1-pro",
      "o3-mini",
      "o4-mini-2025-04-16",
      "gpt-5",
      "gpt-5-nano",
      "gpt-5.4",
      "ft:o4-mini:a::b"
    ]) {
      assert.isTrue(thinks(model), model)
    }
    for (const model of ["gpt-4o", "gpt-4.1", "gpt-5-chat-latest", "omni", "ft:gpt-4o-mini:a::b", "my-o3"]) {
      assert.isFalse(thinks(model), model)
    }
  })

  it("refuses what would give another answer, with the vendor's name", () => {
    for (const [vendor, more, param] of [
      ["ollama", { tool_choice: "required" }, "tool_choice"],
      ["zai", { tool_choice: { type: "function", function: { name: "f" } } }, "tool_choice"],
      ["zai", { logprobs: true }, "logprobs"],
      ["deepseek", { logit_bias: { "1": 5 } }, "logit_bias"],
      ["lmstudio", { tool_choice: { type: "allowed_tools" }, tools: [] }, "tool_choice"]
    ] as const) {
      const refusal = Result.getOrThrow(Result.flip(lower(vendor, "m", { ...plain, ...more })))
      assert.deepInclude(refusal, { reason: "unsupported_parameter", param, provider: "p" })
      assert.include(refusal.message, `is not supported by ${vendors[vendor].title}`)
    }
  })

  /** Parameters with values that ask for something, and what each is in OpenAI's words. */
  const Asked = Schema.Struct({
    vendor: Schema.Literals(vendorNames),
    model: Schema.Literals(["m", "o3-mini", "gpt-5", "gpt-4o", "deepseek-reasoner", "Qwen/Qwen3-8B"]),
    fields: Schema.Struct({
      temperature: Schema.optionalKey(Schema.Literals([0, 0.2, 2])),
      top_p: Schema.optionalKey(Schema.Literals([0, 0.9])),
      presence_penalty: Schema.optionalKey(Schema.Literals([-1, 0.5])),
      frequency_penalty: Schema.optionalKey(Schema.Literals([-1, 0.5])),
      seed: Schema.optionalKey(Schema.Literals([0, 7])),
      logit_bias: Schema.optionalKey(Schema.Struct({ "1": Schema.Literals([-5, 5]) })),
      logprobs: Schema.optionalKey(Schema.Literal(true)),
      max_tokens: Schema.optionalKey(Schema.Literals([1, 64])),
      max_completion_tokens: Schema.optionalKey(Schema.Literals([1, 64])),
      reasoning_effort: Schema.optionalKey(Schema.Literals(["none", "low", "max"])),
      tool_choice: Schema.optionalKey(Schema.Literals(["auto", "required"])),
      top_k: Schema.optionalKey(Schema.Literal(5)),
      stream: Schema.optionalKey(Schema.Boolean)
    })
  })

  it.prop(
    "loses nothing in silence: a parameter is sent, sent by its other name, named as dropped, or refused",
    [Asked],
    ([{ fields, model, vendor }]) => {
      const request: ChatRequest = { ...plain, tools: [], ...fields }
      const lowered = lower(vendor, model, request)
      if (Result.isFailure(lowered)) {
        assert.property(fields, lowered.failure.param ?? "")
        return
      }
      const { body, dropped } = lowered.success
      for (const [name, value] of Object.entries(fields)) {
        if (name === "max_tokens" || name === "max_completion_tokens") {
          const most = fields.max_completion_tokens ?? fields.max_tokens
          const sent = [body["max_tokens"], body["max_completion_tokens"]].filter((length) => length !== undefined)
          assert.include(sent, most)
        } else if (name === "tool_choice" && value === "auto") {
          assert.include(["auto", undefined], body[name])
        } else if (dropped.includes(name)) {
          assert.notProperty(body, name)
        } else {
          assert.deepStrictEqual(body[name], value, name)
        }
      }
      assert.isTrue(dropped.every((name) => name in fields))
    }
  )
})
