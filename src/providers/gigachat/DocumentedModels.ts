import type { ProviderModel } from "../Provider.ts"

const writing = (id: string, name: string, contextLength?: number): ProviderModel => ({
  id,
  name,
  ownedBy: "salutedevices",
  created: 0,
  purpose: "chat",
  ...(contextLength === undefined ? {} : { contextLength })
})

const embedding = (id: string): ProviderModel => ({
  id,
  ownedBy: "salutedevices",
  created: 0,
  purpose: "embedding"
})

/**
 * What the vendor documents of its models and its list does not tell ("Модели GigaChat", "Выбор модели для генерации"). No prices:
 * they go by packages of tokens and by contract.
 */
export const documented: ReadonlyArray<ProviderModel> = [
  writing("GigaChat-2", "GigaChat 2 Lite", 128_000),
  writing("GigaChat-2-Pro", "GigaChat 2 Pro", 128_000),
  writing("GigaChat-2-Max", "GigaChat 2 Max", 128_000),
  writing("GigaChat-3-Ultra", "GigaChat 3 Ultra"),
  embedding("Embeddings"),
  embedding("Embeddings-2"),
  embedding("EmbeddingsGigaR")
]
