import { Clock, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { ProviderHealth, type ProviderRecord } from "../router/ProviderHealth.ts"
import { Conditions } from "../router/Conditions.ts"
import { Api } from "./Api.ts"
import type { ProviderState } from "./ProvidersStatusApi.ts"

export const ProvidersStatusHandlers = HttpApiBuilder.group(
  Api,
  "providersStatus",
  Effect.fn(function* (handlers) {
    const health = yield* ProviderHealth
    const conditions = yield* Conditions

    return handlers.handleAll({
      providersStatus: () =>
        Effect.map(Clock.monotonicTimeNanos, (nanos) => ({
          object: "list" as const,
          data: [...health.records()].map(([provider, record]) =>
            state(provider, record, conditions.circuit(provider, Number(nanos) / 1e6))
          )
        }))
    })
  })
)

const words = { up: "operational", degraded: "degraded", down: "down" } as const

const state = (
  provider: string,
  { changedAt, latency, status, successRate }: ProviderRecord,
  circuit: (typeof ProviderState.Type)["circuit"]
): typeof ProviderState.Type => ({
  provider,
  status: words[status],
  latency_ms: latency === undefined ? null : Math.round(latency),
  success_rate: successRate ?? null,
  circuit,
  last_change: new Date(changedAt).toISOString()
})
