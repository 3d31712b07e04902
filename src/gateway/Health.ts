import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
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

/** What this instance can do now. The database is asked at most once a second, however many ask us. */
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
  static readonly layer = Layer.effect(
    Health,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const settings = yield* Settings
      const providers = yield* ProviderHealth
      const migrations = yield* Migrations
      const limiter = yield* LimiterStore
      const metrics = yield* Metrics
      let isDraining = false

      const database = yield* Effect.cachedWithTTL(
        query(sql`SELECT 1`).pipe(
          Effect.match({ onFailure: () => "down" as const, onSuccess: () => "up" as const }),
          Effect.tap((status) => Effect.sync(() => metrics.setDegraded("database", status === "down")))
        ),
        "1 second"
      )

      const report = Effect.gen(function* (): Effect.fn.Return<HealthReport> {
        const serving = Object.fromEntries(providers.status())
        const redis = settings.redisUrls.length === 0 ? "off" : limiter.degraded?.() === true ? "down" : "up"
        const components: HealthReport["components"] = { database: yield* database, redis, providers: serving }
        const all = [components.database, redis === "off" ? "up" : redis, ...Object.values(serving)]
        const canServe = !isDraining && (yield* migrations.ready)
        return { status: !canServe ? "down" : all.every((status) => status === "up") ? "up" : "degraded", components }
      })

      return {
        report,
        ready: Effect.gen(function* () {
          if (isDraining) return yield* draining
          // Once the tables were seen, known keys are served through an outage; before that, nobody is known.
          if (!(yield* migrations.ready)) return yield* withoutTables
          return (yield* report).status === "up" ? "up" : "degraded"
        }),
        drain: Effect.sync(() => {
          isDraining = true
        })
      }
    })
  )
}

const withoutTables = new InternalError({
  reason: "database_unavailable",
  message: "The database has not been reached since this instance started",
  retryAfterMillis: 1000
})

const draining = new InternalError({
  reason: "draining",
  message: "This instance is about to stop",
  retryAfterMillis: 1000
})
