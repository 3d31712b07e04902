import { Duration, Effect } from "effect"
import { hostname } from "node:os"
import { readVariable } from "./Environment.ts"
import { exporting, logs, metrics, traces } from "./ExportVariables.ts"
import type { Faults } from "./Faults.ts"
import type { CollectorSettings, LogExportSettings, MetricsExportSettings, TracingSettings } from "./Settings.ts"
import type { Variable } from "./Variable.ts"
import { Worker } from "./Worker.ts"

/** Of OpenTelemetry's conventions: what tells instances of one service apart. */
const instanceId = "service.instance.id"

/**
 * What goes to collectors by OTLP; undefined of each signal that does not. What is set wrong is a fault all the same. A signal's own variables
 * go before those of all (OpenTelemetry Protocol Exporter, "Configuration Options").
 */
export const readExports = Effect.fnUntraced(function* (faults: Faults) {
  const read = <A>(variable: Variable<A>) => readVariable(variable, faults)
  const base = yield* read(exporting.endpoint)
  const isOff = yield* read(exporting.disabled)
  const common = {
    headers: yield* read(exporting.headers),
    protocol: yield* read(exporting.protocol),
    timeout: yield* read(exporting.timeout)
  }
  const attributes = new Map(yield* read(exporting.resourceAttributes))
  const serviceName = (yield* read(exporting.serviceName)) ?? attributes.get("service.name") ?? "xrouter"
  const worker = yield* Worker
  const resource = new Map([...attributes, ["service.name", serviceName]])
  // A collector takes what two tell under the same attributes for one that counts back and forth.
  if (worker !== undefined) resource.set(instanceId, `${attributes.get(instanceId) ?? hostname()}-${worker}`)

  const ofSignal = Effect.fnUntraced(function* (signal: typeof traces | typeof metrics | typeof logs, path: string) {
    const endpoint = (yield* read(signal.endpoint)) ?? (base === undefined ? undefined : `${base}${path}`)
    const isExported = (yield* read(signal.exporter)) === "otlp" && !isOff
    const rest = {
      headers: (yield* read(signal.headers)) ?? common.headers,
      protocol: (yield* read(signal.protocol)) ?? common.protocol ?? "http/protobuf",
      timeout: Duration.millis((yield* read(signal.timeout)) ?? common.timeout),
      resource
    }
    if (endpoint === undefined || !isExported) return undefined
    const settings: CollectorSettings = { endpoint, ...rest }
    return settings
  })

  const batching = Effect.fnUntraced(function* (signal: typeof traces | typeof logs) {
    const queueSize = yield* read(signal.queueSize)
    const batchSize = Math.min(yield* read(signal.batchSize), queueSize)
    return { queueSize, batchSize, interval: Duration.millis(yield* read(signal.interval)) }
  })

  const ofTraces = yield* ofSignal(traces, "/v1/traces")
  const sampler = { name: yield* read(traces.sampler), share: yield* read(traces.samplerArgument) }
  const spans = yield* batching(traces)
  const ofMetrics = yield* ofSignal(metrics, "/v1/metrics")
  const interval = Duration.millis(yield* read(metrics.interval))
  const ofLogs = yield* ofSignal(logs, "/v1/logs")
  const lines = yield* batching(logs)
  const tracing: TracingSettings | undefined = ofTraces && { ...ofTraces, ...spans, sampler }
  const metricsExport: MetricsExportSettings | undefined = ofMetrics && { ...ofMetrics, interval }
  const logExport: LogExportSettings | undefined = ofLogs && { ...ofLogs, ...lines }
  return { tracing, metricsExport, logExport }
})
