import type { VendorName } from "../../config/Vendors.ts"
import type { Abilities } from "../Provider.ts"
import { openAiParameters } from "./OpenAiParameters.ts"

/** What a model does in another way than OpenAI's language has it. */
export interface Ways {
  /** The role `developer` is known; else `system` stands for it. */
  readonly developer: boolean
  /** The one name that the longest length of an answer goes by; undefined: both. */
  readonly length?: "max_tokens" | "max_completion_tokens" | undefined
  /** In which messages of the assistant its own thoughts (`reasoning_content`) are taken back. */
  readonly thoughts: "all" | "beside calls" | "none"
  /** A model's thoughts may stand in its text, between `<think>` and `</think>`. */
  readonly thinkTags: boolean
  /** What `tool_choice` may be: anything, a word and no function by its name, or left to the model. */
  readonly choice: "any" | "word" | "auto"
  /** A stream can be asked to tell its usage. */
  readonly usageOption: boolean
  /** Images by their address, and not in the request alone. */
  readonly imageUrls: boolean
  /** Parameters that it does not have: made up for where that can be done, else refused or dropped. */
  readonly lacks: ReadonlyArray<string>
  /** The same of those that it does not have while it thinks; a `reasoning_effort` of `none` ends that. */
  readonly lacksThinking: ReadonlyArray<string>
  readonly formats: ReadonlyArray<"json_object" | "json_schema">
  readonly input: ReadonlyArray<"text" | "image">
}

/** What holds for all calls of a vendor, whatever their model. */
interface Address {
  /** Sent with every request, unless the operator sends others of these names. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Models are named by URI, in a folder. */
  readonly hasFolders?: boolean | undefined
  /** Most texts that are embedded by one request, where they are fewer than elsewhere. */
  readonly textsPerCall?: number | undefined
}

export interface Vendor extends Address {
  readonly title: string
  readonly waysOf: (model: string) => Ways
  readonly abilitiesOf: (model: string) => Abilities
}

/** OpenAI's language, whole. */
const plain: Ways = {
  developer: true,
  thoughts: "all",
  thinkTags: false,
  choice: "any",
  usageOption: true,
  imageUrls: true,
  lacks: [],
  lacksThinking: [],
  formats: ["json_object", "json_schema"],
  input: ["text", "image"]
}

const abilities = ({ choice, formats, input, lacks, lacksThinking }: Ways): Abilities => ({
  parameters: new Set(
    openAiParameters.filter(
      (name) => !lacks.includes(name) && !lacksThinking.includes(name) && !(name === "tool_choice" && choice === "auto")
    )
  ),
  formats: new Set(formats),
  isCallFree: choice === "auto",
  input: new Set(input)
})

/** Models with ways of their own are told by their names, the first that fits; the others have the vendor's. */
const vendor = (
  title: string,
  ways: Partial<Ways>,
  models: ReadonlyArray<readonly [name: RegExp, ways: Partial<Ways>]> = [],
  address: Address = {}
): Vendor => {
  const known = [...models, [/^/, {}] as const].map(([name, own]) => {
    const all = { ...plain, ...ways, ...own }
    return { name, ways: all, abilities: abilities(all) }
  })
  const of = (model: string) => known.find(({ name }) => name.test(model))
  return {
    ...address,
    title,
    waysOf: (model) => of(model)?.ways ?? plain,
    abilitiesOf: (model) => of(model)?.abilities ?? abilities(plain)
  }
}

/** Of open models and their chat templates: few know `developer`, and who serves them may leave their thoughts in the text. */
const openModels: Partial<Ways> = { developer: false, thinkTags: true }

export const vendors: Readonly<Record<VendorName, Vendor>> = {
  // API reference; guide "Reasoning models".
  openai: vendor("OpenAI", { thoughts: "none" }, [
    [
      /^(?:ft:)?(?:o\d|gpt-(?:[6-9]|5(?!-chat)))/,
      {
        length: "max_completion_tokens",
        lacks: ["stop"],
        lacksThinking: ["temperature", "top_p", "presence_penalty", "frequency_penalty"]
      }
    ]
  ]),

  // api-docs.deepseek.com: "Create chat completion", "Thinking mode". The first reasoner refused its own thoughts, and called no tools.
  deepseek: vendor(
    "DeepSeek",
    { developer: false, length: "max_tokens", formats: ["json_object"], lacks: ["n", "seed", "logit_bias"] },
    [
      [/^deepseek-reasoner/, { thoughts: "beside calls", input: ["text"] }],
      [/^deepseek-(?:chat|v\d+-pro)/, { input: ["text"] }]
    ]
  ),

  // openrouter.ai, "API reference": it puts a request into each provider's words itself.
  openrouter: vendor("OpenRouter", {}),

  // docs.z.ai, "Chat completion".
  zai: vendor("Z.AI", {
    developer: false,
    length: "max_tokens",
    choice: "auto",
    formats: ["json_object"],
    lacks: ["n", "seed", "logit_bias", "logprobs", "top_logprobs", "presence_penalty", "frequency_penalty"]
  }),

  cloudru: vendor("Cloud.ru", openModels),
  mws: vendor("MWS GPT", openModels),

  // yandex.cloud, AI Studio, "Compatibility with OpenAI": the open models that the vendor's own API does not have. It keeps prompts
  // unless it is told not to.
  yandex: vendor(
    "Yandex AI Studio",
    {
      ...openModels,
      length: "max_tokens",
      choice: "auto",
      usageOption: false,
      lacks: ["n", "stop", "seed", "logit_bias"]
    },
    [],
    { headers: { "x-data-logging-enabled": "false" }, hasFolders: true, textsPerCall: 1 }
  ),

  vllm: vendor("vLLM", openModels),

  // docs.ollama.com, "OpenAI compatibility".
  ollama: vendor("Ollama", {
    ...openModels,
    length: "max_tokens",
    choice: "auto",
    imageUrls: false,
    lacks: ["n", "logit_bias"]
  }),

  // lmstudio.ai/docs, "OpenAI compatibility"; what it refuses it names: "'response_format.type' must be 'json_schema' or 'text'".
  lmstudio: vendor("LM Studio", {
    ...openModels,
    length: "max_tokens",
    choice: "word",
    imageUrls: false,
    formats: ["json_schema"],
    lacks: ["n"]
  })
}
