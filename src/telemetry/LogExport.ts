import { Context, Effect, Layer } from "effect"
import type * as HttpClient from "effect/http/HttpClient"
import { make as makeResource } from "effect/observability/OtlpResource"
import { OtlpSerialization } from "effect/observability/OtlpSerialization"
import { makeBatchExporter } from "./BatchExporter.ts"
import { ExportOptions, type LogExporting } from "./Collecting.ts"
import { collectorServices } from "./CollectorCall.ts"
import { makeDelivery } from "./Delivery.ts"
import { LogOptions } from "./LogOptions.ts"
import { LogOutput } from "./LogOutput.ts"
import type { LogRecord } from "./LogRecord.ts"
import { loggingTo, toOutput } from "./OutputLogging.ts"

/** The log's way to a collector, beside its output. */
export class LogExport extends Context.Reference<{
  /** Of a record that is made only when it is sent. Never waits. Undefined where nothing is exported. */
  readonly push: ((record: () => LogRecord) => void) | undefined
}>("xrouter/telemetry/LogExport", { defaultValue: () => ({ push: undefined }) }) {
  static readonly layerNoDeps = (
    options: LogExporting
  ): Layer.Layer<never, never, LogOptions | LogOutput | HttpClient.HttpClient | OtlpSerialization> =>
    Layer.effect(
      LogExport,
      Effect.gen(function* () {
        const logOptions = yield* LogOptions
        // What is told of the collector of logs is not sent there, or each loss would make work for the next.
        const ownLog = loggingTo(logOptions, toOutput(logOptions, yield* LogOutput))
        return yield* Effect.provide(exporting(options), ownLog)
      })
    )

  static readonly layer: Layer.Layer<never, never, LogOptions> = Layer.unwrap(
    Effect.map(ExportOptions, ({ logs }) =>
      logs === undefined
        ? Layer.empty
        : LogExport.layerNoDeps(logs).pipe(Layer.provide([collectorServices(logs.protocol), LogOutput.layer]))
    )
  )
}

const exporting = Effect.fnUntraced(function* (options: LogExporting) {
  const serialization = yield* OtlpSerialization
  const resource = makeResource({ attributes: Object.fromEntries(options.resource) })
  const delivery = yield* makeDelivery(options, {
    signal: "Log records",
    label: "logs",
    items: "lines",
    parts: "lines"
  })
  return yield* makeBatchExporter(options, delivery, (records: Array<() => LogRecord>) => {
    const logRecords = records.map((record) => record())
    return serialization.logs({ resourceLogs: [{ resource, scopeLogs: [{ scope: { name: "xrouter" }, logRecords }] }] })
  })
})
