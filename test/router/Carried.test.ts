import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Abilities, Provider } from "../../src/providers/Provider.ts"
import { carriedBy } from "../../src/router/Carried.ts"
import { defaultPatience } from "../../src/router/Timeouts.ts"

const candidate = (abilities?: Abilities) => {
  const provider: Provider = {
    name: "scripted",
    prepare: () => Effect.never,
    models: Effect.succeed([]),
    abilities: abilities === undefined ? undefined : () => abilities
  }
  return { provider, model: "m", patience: defaultPatience }
}

const able = (parameters: ReadonlyArray<string>, input: ReadonlyArray<"text" | "image"> = ["text"]): Abilities => ({
  parameters: new Set(parameters),
  formats: new Set(),
  input: new Set(input)
})

describe("what a model carries", () => {
  it("is what its provider says, and how long an answer may be", () => {
    assert.deepStrictEqual(carriedBy([candidate(able(["temperature", "tools"]))]), {
      parameters: ["max_completion_tokens", "max_tokens", "temperature", "tools"],
      input: ["text"]
    })
  })

  it("is OpenAI's language where a provider passes everything on", () => {
    const { input, parameters } = carriedBy([candidate()])
    assert.includeMembers([...parameters], ["logit_bias", "n", "response_format", "stop", "tools"])
    assert.deepStrictEqual(input, ["text", "image"])
  })

  it("has tools where the model is told of them in words", () => {
    const { parameters } = carriedBy([{ ...candidate(able(["seed"])), tools: "prompt" }])
    assert.deepStrictEqual(parameters, [
      "function_call",
      "functions",
      "max_completion_tokens",
      "max_tokens",
      "parallel_tool_calls",
      "seed",
      "tool_choice",
      "tools"
    ])
  })

  it("is of several candidates what each of them carries", () => {
    const { input, parameters } = carriedBy([
      candidate(),
      candidate(able(["top_p", "tools"], ["text", "image"])),
      candidate(able(["tools", "profanity_check"]))
    ])
    assert.deepStrictEqual(parameters, ["max_completion_tokens", "max_tokens", "tools"])
    assert.deepStrictEqual(input, ["text"])
  })
})
