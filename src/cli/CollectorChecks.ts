import { Effect } from "effect"
import type { HttpBody } from "effect/http/HttpBody"
import { OtlpSerialization } from "effect/observability/OtlpSerialization"
import type { CollectorSettings, SettingsValue } from "../config/Settings.ts"
import { collectorServices, makeCollectorCall, type Refusal } from "../telemetry/CollectorCall.ts"

type Serialization = typeof OtlpSerialization.Service

/** One signal's collector, and an attempt at it. */
export interface CollectorCheck {
  readonly check: string
  readonly attempt: Effect.Effect<string, { readonly message: string }>
}

/** Each collector that is configured is sent a batch of nothing, which it has to take (OTLP specification, "OTLP/HTTP Request"). */
export const collectorChecks = ({
  logExport,
  metricsExport,
  tracing
}: SettingsValue): ReadonlyArray<CollectorCheck> => [
  ...checked("traces", tracing, ({ traces }) => traces({ resourceSpans: [] })),
  ...checked("metrics", metricsExport, ({ metrics }) => metrics({ resourceMetrics: [] })),
  ...checked("log records", logExport, ({ logs }) => logs({ resourceLogs: [] }))
]

const checked = (
  signal: string,
  settings: CollectorSettings | undefined,
  nothing: (serialization: Serialization) => HttpBody
): ReadonlyArray<CollectorCheck> =>
  settings === undefined ? [] : [{ check: `collector of ${signal}`, attempt: tried(settings, nothing) }]

const tried = (settings: CollectorSettings, nothing: (serialization: Serialization) => HttpBody) =>
  Effect.gen(function* () {
    const { origin, post } = yield* makeCollectorCall(settings)
    yield* Effect.mapError(post(nothing(yield* OtlpSerialization)), (refusal) => ({
      message: `the collector at ${origin} ${refusal.what}${hint(refusal)}`
    }))
    return `takes them at ${origin}`
  }).pipe(Effect.provide(collectorServices(settings.protocol)))

const hint = ({ status }: Refusal): string => {
  if (status === 401 || status === 403) return ": OTEL_EXPORTER_OTLP_HEADERS has not the key that it wants"
  if (status === 404 || status === 405 || status === 415) {
    return ": it takes no OTLP over HTTP there; port 4318 is usual for that, 4317 is gRPC's"
  }
  return ""
}
