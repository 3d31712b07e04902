/**
 * XRouter as a library (docs/library.md): the contracts, the errors and the layers. Nothing here reads the environment unless its
 * `layerConfig` is built, and nothing is loaded of the server, of PGlite or of a Redis client before a layer needs it.
 */
export { Gateway } from "./Gateway.ts"
export type { GatewayOptions, GatewayServices, MountOptions, RouteServices, WebGateway } from "./Gateway.ts"
export { Router } from "./router/Router.ts"
export type { EmbeddingReply, EmbedOptions, Plan, PlanOptions, Reply, Served } from "./router/Router.ts"
export { Catalog } from "./router/Catalog.ts"
export type { CatalogModel, Resolution } from "./router/Catalog.ts"
export { ProviderHealth } from "./router/ProviderHealth.ts"
export type { ProviderRecord, ProviderStatus } from "./router/ProviderHealth.ts"
export * as Chat from "./router/Chat.ts"
export { Providers } from "./router/Providers.ts"
export type { ProviderSource } from "./router/Providers.ts"
export { Limits, unlimited } from "./limits/Limits.ts"
export type { Admission, OnRelease } from "./limits/Limits.ts"
export { LimiterStore } from "./limits/LimiterStore.ts"
export type { Decision, Reservation, Windows, WindowState } from "./limits/LimiterStore.ts"
export { ApiKeys } from "./auth/ApiKeys.ts"
export type { ApiKeyChanges, ApiKeyRecord, NewApiKey } from "./auth/ApiKeyRecord.ts"
export { Users } from "./auth/Users.ts"
export { OAuth } from "./oauth/OAuth.ts"
export type { OAuthOptions } from "./oauth/OAuth.ts"
export { Ledger } from "./ledger/Ledger.ts"
export type { CallBegun, CallEnded, Entry } from "./ledger/Ledger.ts"
export type { CallRecord } from "./ledger/CallRecord.ts"
export { Metrics } from "./telemetry/Metrics.ts"
export { Database } from "./Database.ts"
export { ConfigError } from "./config/Faults.ts"
export type { CallingOptions, LayerOptions, ModelOptions, PriceOptions, TimeoutOptions } from "./config/LayerOptions.ts"
export type { Attempt } from "./domain/Attempt.ts"
export type * from "./domain/ChatEvent.ts"
export type { ChatRequest, Message, ProviderWishes } from "./domain/ChatRequest.ts"
export { AuthError, InternalError, ProviderError, RateLimitError, ValidationError } from "./domain/Errors.ts"
export type { ErrorCode, ProviderFailure, XRouterError } from "./domain/Errors.ts"
export type { LimitSet, Principal, Scope } from "./domain/Principal.ts"
export type { Usage } from "./domain/Usage.ts"
export type {
  Abilities,
  ChatCall,
  EmbeddingCall,
  Embeddings,
  Prepared,
  PreparedEmbeddings,
  Provider,
  ProviderModel
} from "./providers/Provider.ts"
