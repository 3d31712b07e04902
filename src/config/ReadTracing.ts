import { Duration, Effect } from "effect"
import { readVariable } from "./Environment.ts"
import type { Faults } from "./Faults.ts"
import type { TracingSettings } from "./Settings.ts"
import { tracing, type Variable } from "./Variables.ts"

/** Undefined where nothing is to be exported. What is set wrong is a fault all the same. */
export const readTracing = Effect.fnUntraced(function* (faults: Faults) {
  const read = <A>(variable: Variable<A>) => readVariable(variable, faults)
  const base = yield* read(tracing.endpoint)
  const endpoint = (yield* read(tracing.tracesEndpoint)) ?? (base === undefined ? undefined : `${base}/v1/traces`)
  const isOff = (yield* read(tracing.disabled)) || (yield* read(tracing.exporter)) === "none"
  const baseHeaders = yield* read(tracing.headers)
  const baseProtocol = yield* read(tracing.protocol)
  const baseTimeout = yield* read(tracing.timeout)
  const sampler = yield* read(tracing.sampler)
  const share = yield* read(tracing.samplerArgument)
  const attributes = new Map(yield* read(tracing.resourceAttributes))
  const serviceName = (yield* read(tracing.serviceName)) ?? attributes.get("service.name") ?? "xrouter"
  const queueSize = yield* read(tracing.queueSize)
  const rest = {
    headers: (yield* read(tracing.tracesHeaders)) ?? baseHeaders,
    protocol: (yield* read(tracing.tracesProtocol)) ?? baseProtocol ?? "http/protobuf",
    timeout: Duration.millis((yield* read(tracing.tracesTimeout)) ?? baseTimeout),
    sampler: { name: sampler, share },
    resource: new Map([...attributes, ["service.name", serviceName]]),
    queueSize,
    batchSize: Math.min(yield* read(tracing.batchSize), queueSize),
    interval: Duration.millis(yield* read(tracing.interval))
  }
  if (endpoint === undefined || isOff) return undefined
  const settings: TracingSettings = { endpoint, ...rest }
  return settings
})
