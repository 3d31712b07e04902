import { assert, describe, it } from "@effect/vitest"
import { listedModels } from "../../../src/providers/openai/ListedModels.ts"

const only = (entry: unknown) => listedModels({ data: [entry as never] }, "p")?.[0]

describe("a list of models in OpenAI's form", () => {
  it("tells what OpenRouter's says of a model", () => {
    assert.deepStrictEqual(
      only({
        id: "openai/gpt-5-mini",
        name: "OpenAI: GPT-5 Mini",
        created: 1_754_587_407,
        context_length: 400_000,
        architecture: { input_modalities: ["file", "image", "text"], output_modalities: ["text"] },
        pricing: { prompt: "0.00000025", completion: "0.000002", input_cache_read: "0.000000025", web_search: "0.01" },
        top_provider: { context_length: 400_000, max_completion_tokens: 128_000, is_moderated: true },
        supported_parameters: ["max_tokens", "tools", 7]
      }),
      {
        id: "openai/gpt-5-mini",
        name: "OpenAI: GPT-5 Mini",
        ownedBy: "p",
        created: 1_754_587_407,
        contextLength: 400_000,
        outputLength: 128_000,
        input: ["text", "image"],
        parameters: ["max_tokens", "tools"],
        price: { input: "0.00000025", output: "0.000002", cachedInput: "0.000000025", currency: "USD", per: 1 }
      }
    )
  })

  it("reads the length of the context by each of its names", () => {
    for (const name of ["context_length", "max_model_len", "context_window", "max_context_length"]) {
      assert.deepInclude(only({ id: "m", [name]: 8192 }), { contextLength: 8192 })
      for (const none of [-1, 0, 0.5, 1e300, "8192", null]) {
        assert.notProperty(only({ id: "m", [name]: none }), "contextLength")
      }
    }
  })

  it("knows models that embed, and takes no price that is none", () => {
    assert.deepInclude(only({ id: "m", type: "embeddings" }), { purpose: "embedding" })
    assert.deepInclude(only({ id: "m", architecture: { output_modalities: ["embeddings"] } }), { purpose: "embedding" })
    for (const pricing of [{ prompt: "-1", completion: "-1" }, { prompt: "0.1" }, { prompt: 1, completion: 1 }, 7]) {
      assert.notProperty(only({ id: "m", pricing }), "price")
    }
  })

  it("is none where it is not a list", () => {
    assert.isUndefined(listedModels({ data: "x" }, "p"))
    assert.isUndefined(listedModels(undefined, "p"))
    assert.deepStrictEqual(listedModels([], "p"), [])
  })
})
