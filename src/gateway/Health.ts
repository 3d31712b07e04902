import { Clock, Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { KeyCache } from "../auth/KeyCache.ts"
import { Settings } from "../config/Settings.ts"
import { InternalError } from "../domain/Errors.ts"
import { LimiterStore } from "../limits/LimiterStore.ts"
import { ProviderHealth, type ProviderStatus } from "../router/ProviderHealth.ts"
import { Migrations } from "../storage/Migrations.ts"
import { query } from "../storage/Query.ts"
import { Metrics } from "../telemetry/Metrics.ts"

export type ComponentStatus = "up" | "degraded" | "down" | "off"

export interface HealthReport {
  readonly status: "up" | "degraded" | "down"
  readonly components: {
    readonly database: ComponentStatus
    readonly redis: ComponentStatus
    readonly providers: Readonly<Record<string, ProviderStatus>>
  }
}

/** What this instance can do now. The database is asked at most once a second, however many ask us, and answers in time for a probe. */
export class Health extends Context.Service<
  Health,
  {
    readonly report: Effect.Effect<HealthReport>
    /** Fails where no traffic should come here. */
    readonly ready: Effect.Effect<"up" | "degraded", InternalError>
    /** From now on not ready: the process is going to stop. */
    readonly drain: Effect.Effect<void>
  }
>()("xrouter/gateway/Health") {
  static readonly layerNoDeps = Layer.effect(
    Health,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const settings = yield* Settings
      const providers = yield* ProviderHealth
      const migrations = yield* Migrations
      const limiter = yield* LimiterStore
      const keys = yield* KeyCache
      const metrics = yield* Metrics
      let isDraining = false

      const [known, forget] = yield* Effect.cachedInvalidateWithTTL(
        query(sql`SELECT 1`, patience).pipe(
          Effect.match({ onFailure: () => "down" as const, onSuccess: () => "up" as const }),
          Effect.tap((status) => Effect.sync(() => metrics.setDegraded("database", status === "down")))
        ),
        Infinity
      )
      let askedAt = 0n
      // Effect's own caches go by the time of day: one that is set back would keep an answer for as long.
      const database = Effect.flatMap(Clock.monotonicTimeNanos, (now) => {
        if (now - askedAt < freshNanos) return known
        askedAt = now
        return Effect.andThen(forget, known)
      })

      const isLimiterAway = () => limiter.degraded?.() === true

      /** Why nobody can be served here; undefined where somebody can. */
      const fault = Effect.gen(function* () {
        if (isDraining) return draining
        if (!(yield* migrations.ready)) return withoutTables
        if (isLimiterAway() && settings.onRedisFailure === "closed") return withoutLimiter
        // Known keys are served through an outage, for as long as they are remembered.
        const isServing = (yield* database) === "up" || keys.admitsAny(yield* Clock.currentTimeMillis)
        return isServing ? undefined : withoutKeys
      })

      const report = Effect.gen(function* (): Effect.fn.Return<HealthReport> {
        const serving = Object.fromEntries(providers.status())
        const redis = settings.redisUrls.length === 0 ? "off" : isLimiterAway() ? "down" : "up"
        const components: HealthReport["components"] = { database: yield* database, redis, providers: serving }
        const all = [components.database, redis === "off" ? "up" : redis, ...Object.values(serving)]
        const canServe = (yield* fault) === undefined
        return { status: !canServe ? "down" : all.every((status) => status === "up") ? "up" : "degraded", components }
      })

      return {
        report,
        ready: Effect.gen(function* () {
          const reason = yield* fault
          if (reason !== undefined) return yield* reason
          return (yield* report).status === "up" ? "up" : "degraded"
        }),
        drain: Effect.sync(() => {
          isDraining = true
        })
      }
    })
  )

  static readonly layer = Health.layerNoDeps.pipe(Layer.provide(KeyCache.layer))
}

const freshNanos = 1_000_000_000n

/** A probe waits for a second, where nothing else is said. */
const patience = "750 millis"

const withoutTables = new InternalError({
  reason: "database_unavailable",
  message: "The database has not been reached since this instance started",
  retryAfterMillis: 1000
})

const withoutKeys = new InternalError({
  reason: "database_unavailable",
  message: "The database cannot be reached, and no key is remembered that could be served without it",
  retryAfterMillis: 1000
})

const withoutLimiter = new InternalError({
  reason: "limiter_unavailable",
  message: "The rate limits cannot be checked, and this gateway serves nobody without them",
  retryAfterMillis: 1000
})

export const draining = new InternalError({
  reason: "draining",
  message: "This instance is about to stop",
  retryAfterMillis: 1000
})
