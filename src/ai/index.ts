/**
 * The router as a model of `effect/ai` (docs/library.md): `generateText`, `generateObject`, `streamText`, toolkits and embeddings on whatever
 * providers it has.
 */
export * as XRouterLanguageModel from "./XRouterLanguageModel.ts"
export * as XRouterEmbeddingModel from "./XRouterEmbeddingModel.ts"
export type { LanguageModelOptions } from "./Asking.ts"
export type { EmbeddingModelOptions } from "./XRouterEmbeddingModel.ts"
export { ParameterOverrides, withParameters } from "./ChatParameters.ts"
export type { ChatParameters } from "./ChatParameters.ts"
