import { Effect, Layer } from "effect"
import { type LayerOptions, layerOptions } from "../config/LayerOptions.ts"
import { LimiterStore } from "../limits/LimiterStore.ts"
import { Limits } from "../limits/Limits.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { MemoryCallers } from "./MemoryCallers.ts"
import { layerMemoryLedger } from "./MemoryLedger.ts"

/** The gateway's services without a database, a Redis, a data folder or a log; each build of a layer has a memory of its own. */

export type ServicesOptions = Pick<
  LayerOptions,
  "calling" | "corsOrigins" | "maxBody" | "modelLimits" | "models" | "publicUrl" | "tiers" | "trustedProxies"
>

/**
 * What `Gateway.services` is in production: all that the routes stand on, for `Gateway.layerMounted` and `Gateway.layerServer` of an
 * application under test. Asks for the providers. `MemoryKeys` makes keys for it, `Calls` has what was used. The admin API is off,
 * and what else needs a database answers 503.
 */
export const services = (options: ServicesOptions = {}) =>
  Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("./MemoryServices.ts")),
      (memory) => memory.services
    )
  ).pipe(Layer.provide(layerOptions(options)))

/** `Authenticator` over keys in memory, and `MemoryKeys`, which makes them. */
export const callers = MemoryCallers

/** The gateway's own limits, counted in this process. */
export const limits = (options: Pick<LayerOptions, "modelLimits" | "tiers"> = {}) =>
  Limits.layer(options).pipe(Layer.provideMerge(LimiterStore.layerMemory))

/** The gateway's own ledger, with the prices of `models`, and `Calls`, which has all that was told to it. */
export const ledger = (options: Pick<LayerOptions, "models"> = {}) =>
  layerMemoryLedger.pipe(Layer.provide(Metrics.layer), Layer.provide(layerOptions(options)))
