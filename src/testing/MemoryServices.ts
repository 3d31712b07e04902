import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { ApiKeys } from "../auth/ApiKeys.ts"
import { Users } from "../auth/Users.ts"
import { draining, Health } from "../gateway/Health.ts"
import { OpenRequests } from "../gateway/OpenRequests.ts"
import { UsageReports } from "../ledger/UsageReports.ts"
import { LimiterStore } from "../limits/LimiterStore.ts"
import { Limits } from "../limits/Limits.ts"
import { AuthorizationServer } from "../oauth/AuthorizationServer.ts"
import { ProviderHealth } from "../router/ProviderHealth.ts"
import { Router } from "../router/Router.ts"
import { Secrets } from "../storage/Secrets.ts"
import { Metrics } from "../telemetry/Metrics.ts"
import { RequestLog } from "../telemetry/RequestLog.ts"
import { TraceOptions } from "../telemetry/TraceOptions.ts"
import { Tracing } from "../telemetry/Tracing.ts"
import { AbsentDatabase } from "./AbsentDatabase.ts"
import { MemoryCallers } from "./MemoryCallers.ts"
import { layerMemoryLedger } from "./MemoryLedger.ts"

/** Ready from the beginning to the end: there is no database to wait for. */
const MemoryHealth = Layer.effect(
  Health,
  Effect.map(ProviderHealth, (health) => {
    let isDraining = false
    const status = () => {
      if (isDraining) return "down"
      return [...health.status().values()].every((status) => status === "up") ? "up" : "degraded"
    }
    return {
      report: Effect.sync(() => ({
        status: status(),
        components: { database: "off" as const, redis: "off" as const, providers: Object.fromEntries(health.status()) }
      })),
      ready: Effect.suspend(() => {
        const now = status()
        return now === "down" ? Effect.fail(draining) : Effect.succeed(now)
      }),
      drain: Effect.sync(() => {
        isDraining = true
      })
    }
  })
)

/** As the gateway's own, but for what is remembered: who calls, and what calls used. */
const Rules = Layer.mergeAll(
  MemoryCallers,
  Users.layerSettings,
  ApiKeys.layerSettings,
  AuthorizationServer,
  Limits.layerSettings.pipe(Layer.provideMerge(LimiterStore.layerMemory)),
  layerMemoryLedger,
  UsageReports.layer
)

/** Measured as ever, and written nowhere. */
const Silence = Layer.mergeAll(
  Metrics.layer,
  Layer.succeed(RequestLog, { write: () => undefined }),
  Tracing.layer.pipe(Layer.provide(Layer.succeed(TraceOptions, { tracing: undefined })))
)

/**
 * All that the gateway's routes stand on, in memory. What needs the database is there, and meets one that is away: it answers 503. The
 * admin API is off, as it is without an admin key.
 */
export const services = MemoryHealth.pipe(
  Layer.provideMerge(Layer.mergeAll(Rules, Router.layerRouting, OpenRequests.layer)),
  Layer.provideMerge([AbsentDatabase, Layer.succeed(Secrets, { adminKey: undefined, jwtSecrets: [] })]),
  Layer.provideMerge(Silence),
  Layer.provide(NodeServices.layer),
  // There is no Redis that could be misconfigured.
  Layer.orDie
)
