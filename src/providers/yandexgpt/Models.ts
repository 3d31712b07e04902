import type { Abilities, ProviderModel } from "../Provider.ts"
import { carried } from "./CompletionRequest.ts"
import { modelName } from "./ModelUri.ts"

type Documented = Omit<ProviderModel, "created">

const writing: ReadonlyArray<Documented> = [
  { id: "yandexgpt", ownedBy: "yandex", contextLength: 32_768 },
  { id: "yandexgpt-lite", ownedBy: "yandex", contextLength: 32_768 },
  { id: "yandexgpt-32k", ownedBy: "yandex", contextLength: 32_768 },
  { id: "yandexgpt-5.1", ownedBy: "yandex" },
  { id: "yandexgpt-5-pro", ownedBy: "yandex" },
  { id: "aliceai-llm", ownedBy: "yandex" },
  { id: "aliceai-llm-flash", ownedBy: "yandex" },
  { id: "llama", ownedBy: "meta", contextLength: 8192 },
  { id: "llama-lite", ownedBy: "meta", contextLength: 8192 }
]

/** Each pair has one model for the texts that are searched, and one for what is searched among them. */
const embedding: ReadonlyArray<Documented> = [
  "text-search-doc",
  "text-search-query",
  "text-embeddings-v2-doc",
  "text-embeddings-v2-query"
].map((id) => ({ id, ownedBy: "yandex", purpose: "embedding", contextLength: 2000 }))

/** The API has no list of its models: these are the vendor's documented ones, and it tells no age of them. */
export const models: ReadonlyArray<ProviderModel> = [...writing, ...embedding].map((model) => ({
  ...model,
  created: 0
}))

const embeds = new Set(embedding.map(({ id }) => id))

const ofWriting: Abilities = {
  parameters: new Set([...carried, "stream", "max_tokens", "max_completion_tokens"]),
  formats: new Set(["json_object", "json_schema"]),
  input: new Set(["text"])
}

const ofEmbedding: Abilities = { parameters: new Set(["dimensions"]), formats: new Set(), input: new Set(["text"]) }

/** A tuned model can what its base can. */
export const abilities = (model: string): Abilities => (embeds.has(modelName(model)) ? ofEmbedding : ofWriting)
