import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { pricingOf } from "../../src/gateway/ModelPrice.ts"
import { eventually } from "../support/Eventually.ts"
import { type Answer, startGateway, type TestGateway } from "../support/Gateway.ts"
import * as GigaChatUpstream from "../support/GigaChatUpstream.ts"
import { alias } from "../support/ScriptedProvider.ts"
import * as Scripted from "../support/ScriptedUpstream.ts"
import { gigaChatSettings, openAiSettings, providers } from "../support/Upstreams.ts"
import * as VendorUpstream from "../support/VendorUpstream.ts"

const price = { input: "0.20", output: "0.4", cachedInput: undefined, currency: "RUB", per: 1000 }

const listed = [
  {
    id: "deepseek/deepseek-r1",
    name: "DeepSeek: R1",
    created: 1_737_381_095,
    context_length: 163_840,
    architecture: { input_modalities: ["text"], output_modalities: ["text"] },
    pricing: { prompt: "0.0000004", completion: "0.0000017" },
    top_provider: { context_length: 163_840, max_completion_tokens: 32_000 },
    supported_parameters: ["temperature", "tools", "include_reasoning"]
  }
]

class Subject extends Context.Service<
  Subject,
  { readonly gateway: TestGateway; readonly key: string; readonly model: (id: string) => Effect.Effect<Answer["json"]> }
>()("Subject") {
  static readonly layer = Layer.effect(
    Subject,
    Effect.gen(function* () {
      const gigachat = yield* GigaChatUpstream.make()
      const openai = yield* VendorUpstream.make("openai", [
        { id: "gpt-5-mini", created: 1_754_425_928, owned_by: "system" },
        { id: "gpt-5-mini-2025-08-07", created: 1_754_425_867, owned_by: "system" },
        { id: "o3", created: 1_744_225_308, owned_by: "system" }
      ])
      const openrouter = yield* VendorUpstream.make("openrouter", listed)
      const vllm = yield* VendorUpstream.make("vllm", [{ id: "Qwen/Qwen3-8B", max_model_len: 40_960 }])
      const deepseek = yield* VendorUpstream.make("deepseek", [{ id: "deepseek-v4-pro", owned_by: "deepseek" }])
      const mute = yield* Scripted.make(({ method }) =>
        method === "GET"
          ? Scripted.hang
          : Scripted.json(200, {
              choices: [{ index: 0, message: { role: "assistant", content: "Да." }, finish_reason: "stop" }]
            })
      )
      const gateway = yield* startGateway({
        providers: providers({
          gigachat: gigaChatSettings(gigachat),
          openai: { ...openAiSettings(openai.baseUrl), vendor: "openai" },
          openrouter: { ...openAiSettings(openrouter.baseUrl), vendor: "openrouter" },
          vllm: { ...openAiSettings(vllm.baseUrl), vendor: "vllm" },
          deepseek: { ...openAiSettings(deepseek.baseUrl), vendor: "deepseek" },
          mute: { ...openAiSettings(mute.url), vendor: "deepseek" }
        }),
        models: new Map([["smart", alias(["openai/gpt-5-mini", "gigachat/GigaChat-2-Max"], { price })]])
      })
      const key = yield* gateway.makeKey()
      return {
        gateway,
        key,
        model: (id) =>
          Effect.map(
            gateway.request(`/v1/models/${id}`, { headers: { authorization: `Bearer ${key}` } }),
            ({ json }) => json
          )
      }
    })
  )
}

layer(Subject.layer, { excludeTestServices: true })("a model of the list", (it) => {
  it.effect("is told with what its vendor documents, and its list leaves out", () =>
    Effect.gen(function* () {
      const { model } = yield* Subject
      assert.deepInclude(yield* model("openai/gpt-5-mini"), {
        name: "GPT-5 mini",
        created: 1_754_425_928,
        owned_by: "system",
        context_length: 400_000,
        top_provider: { context_length: 400_000, max_completion_tokens: 128_000 },
        pricing: {
          prompt: "0.00000025",
          completion: "0.000002",
          input_cache_read: "0.000000025",
          currency: "USD",
          as_of: "2026-11-23",
          source: "https://developers.openai.com/api/docs/models/gpt-5-mini"
        }
      })
      const dated = yield* model("openai/gpt-5-mini-2025-08-07")
      assert.deepStrictEqual([dated.context_length, dated.pricing], [400_000, null])
      assert.deepInclude(yield* model("gigachat/GigaChat-2-Max"), { context_length: 128_000, pricing: null })
      assert.deepInclude(yield* model("deepseek/deepseek-v4-pro"), { context_length: 1_000_000, pricing: null })
      assert.deepInclude(yield* model("vllm/Qwen/Qwen3-8B"), { context_length: 40_960, name: "vllm/Qwen/Qwen3-8B" })
    })
  )

  it.effect("is told with what its provider's list says", () =>
    Effect.gen(function* () {
      const { model } = yield* Subject
      const { supported_parameters, ...told } = yield* model("openrouter/deepseek/deepseek-r1")
      assert.deepStrictEqual(told, {
        id: "openrouter/deepseek/deepseek-r1",
        object: "model",
        created: 1_737_381_095,
        owned_by: "openrouter",
        name: "DeepSeek: R1",
        context_length: 163_840,
        architecture: { modality: "text->text", input_modalities: ["text"], output_modalities: ["text"] },
        pricing: {
          prompt: "0.0000004",
          completion: "0.0000017",
          input_cache_read: "0.0000004",
          currency: "USD",
          as_of: null,
          source: null
        },
        top_provider: { context_length: 163_840, max_completion_tokens: 32_000 }
      })
      assert.deepStrictEqual(supported_parameters, ["max_completion_tokens", "max_tokens", "temperature", "tools"])
    })
  )

  it.effect("does not promise what its vendor's model does not have, and does what is made up for", () =>
    Effect.gen(function* () {
      const { model } = yield* Subject
      const thinking: ReadonlyArray<string> = (yield* model("openai/o3")).supported_parameters
      assert.includeMembers([...thinking], ["stop", "tools", "reasoning_effort"])
      for (const name of ["temperature", "top_p"]) assert.notInclude(thinking, name)
      const deepseek: ReadonlyArray<string> = (yield* model("deepseek/deepseek-v4-pro")).supported_parameters
      assert.includeMembers([...deepseek], ["n", "response_format"])
      assert.notInclude(deepseek, "seed")
    })
  )

  it.effect("has the operator's price, where it is an alias, and costs that and nothing else", () =>
    Effect.gen(function* () {
      const { gateway, key, model } = yield* Subject
      assert.deepStrictEqual((yield* model("smart")).pricing, {
        prompt: "0.0002",
        completion: "0.0004",
        input_cache_read: "0.0002",
        currency: "RUB",
        as_of: null,
        source: null
      })
      const costOf = Effect.fnUntraced(function* (name: string) {
        const answer = yield* gateway.chat(key, { model: name, messages: [{ role: "user", content: "Да?" }] })
        const booked = gateway.request(`/v1/generation?id=${answer.json.id}`, {
          headers: { authorization: `Bearer ${key}` }
        })
        yield* eventually(Effect.map(booked, ({ json, status }) => status === 200 && json.data.status === "completed"))
        const { cost, currency } = (yield* booked).json.data
        return [cost, currency]
      })
      assert.deepStrictEqual(yield* costOf("smart"), ["0.0026", "RUB"])
      assert.deepStrictEqual(yield* costOf("openai/gpt-5-mini"), [null, null])
    })
  )

  it.effect("is served though its provider does not tell its models", () =>
    Effect.gen(function* () {
      const { gateway, key } = yield* Subject
      const answer = yield* gateway.chat(key, {
        model: "mute/deepseek-flash",
        messages: [{ role: "user", content: "Да?" }]
      })
      assert.strictEqual(answer.json.choices[0].message.content, "Да.")
    })
  )
})

describe("a price", () => {
  it("is told for one token, exactly, to the twelfth decimal", () => {
    const told = (input: string, per: number) => pricingOf({ input, output: "1", currency: "RUB", per }).prompt
    assert.strictEqual(told("0.003625", 1_000_000), "0.000000003625")
    assert.strictEqual(told("0.20", 1000), "0.0002")
    assert.strictEqual(told("12", 1), "12")
    assert.strictEqual(told("0", 1000), "0")
    assert.strictEqual(told("1", 3), "0.333333333333")
    assert.strictEqual(told("2", 3), "0.666666666667")
  })
})
