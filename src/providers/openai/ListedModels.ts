import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { elements, filled } from "../JsonText.ts"
import type { ModelPrice, ProviderModel } from "../Provider.ts"

/**
 * `GET /models`: `{data: [{id, owned_by, created}]}`, or the bare list; and what some tell beside: the length of the context (each by
 * a name of its own), and OpenRouter's name, modalities, parameters and prices. Undefined where it is no list.
 */
export const listedModels = (json: Json | undefined, provider: string): ReadonlyArray<ProviderModel> | undefined => {
  const list = isJsonObject(json) ? json["data"] : json
  if (!Array.isArray(list)) return undefined
  return elements(list).flatMap((entry) => {
    const id = isJsonObject(entry) ? filled(entry["id"]) : undefined
    return id === undefined || !isJsonObject(entry) ? [] : [modelOf(id, entry, provider)]
  })
}

/** By OpenRouter, vLLM, Groq and LM Studio. */
const lengthNames = ["context_length", "max_model_len", "context_window", "max_context_length"]

const modelOf = (id: string, entry: JsonObject, provider: string): ProviderModel => {
  const architecture = objectAt(entry, "architecture")
  const outputs = elements(architecture["output_modalities"])
  const isEmbedding = outputs.includes("embeddings") || /^embeddings?$/.test(filled(entry["type"]) ?? "")
  const inputs = (["text", "image"] as const).filter((kind) =>
    elements(architecture["input_modalities"]).includes(kind)
  )
  const parameters = elements(entry["supported_parameters"]).flatMap((name) => filled(name) ?? [])
  const name = filled(entry["name"])
  const contextLength = lengthNames.map((name) => count(entry[name])).find((length) => length !== undefined)
  const outputLength = count(objectAt(entry, "top_provider")["max_completion_tokens"])
  const price = priceOf(objectAt(entry, "pricing"))
  return {
    id,
    ownedBy: filled(entry["owned_by"]) ?? provider,
    created: count(entry["created"]) ?? 0,
    ...(name === undefined || name === id ? {} : { name }),
    ...(isEmbedding ? { purpose: "embedding" as const } : {}),
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(outputLength === undefined ? {} : { outputLength }),
    ...(inputs.length === 0 ? {} : { input: inputs }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(price === undefined ? {} : { price })
  }
}

const objectAt = (object: JsonObject, name: string): JsonObject => {
  const value = object[name]
  return isJsonObject(value) ? value : {}
}

const count = (value: Json | undefined): number | undefined =>
  typeof value === "number" && value >= 1 && value <= Number.MAX_SAFE_INTEGER ? Math.trunc(value) : undefined

/** OpenRouter's: US dollars for one token, as decimal text; below zero where the price depends on who serves. */
const priceOf = ({ completion, input_cache_read, prompt }: JsonObject): ModelPrice | undefined => {
  const input = decimal(prompt)
  const output = decimal(completion)
  const cachedInput = decimal(input_cache_read)
  return input === undefined || output === undefined
    ? undefined
    : { input, output, currency: "USD", per: 1, ...(cachedInput === undefined ? {} : { cachedInput }) }
}

const decimal = (value: Json | undefined): string | undefined => {
  const text = filled(value)
  return text !== undefined && /^\d{1,12}(\.\d{1,12})?$/.test(text) ? text : undefined
}
