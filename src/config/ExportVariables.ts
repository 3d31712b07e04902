import * as ExportValues from "./ExportValues.ts"
import * as Values from "./Values.ts"
import { listed, optional, withDefault } from "./Variable.ts"

/** OpenTelemetry's own names and defaults. */

/** Of all signals. */
export const exporting = {
  endpoint: optional(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    Values.UpstreamUrl,
    "Base URL of a collector that takes OTLP over HTTP; `/v1/traces`, `/v1/metrics` and `/v1/logs` are appended.",
    "none: no export"
  ),
  headers: optional(
    "OTEL_EXPORTER_OTLP_HEADERS",
    ExportValues.HeaderPairs,
    "Headers for the collector, secret: `name=value` separated by commas, the values percent-encoded."
  ),
  protocol: optional(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    ExportValues.Protocol,
    "`http/protobuf` or `http/json`.",
    "`http/protobuf`"
  ),
  timeout: withDefault(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    Values.Count,
    "10000",
    "How long the collector may take for one batch, in milliseconds."
  ),
  disabled: withDefault("OTEL_SDK_DISABLED", Values.Switch, "false", "`true` switches all export off."),
  serviceName: optional(
    "OTEL_SERVICE_NAME",
    Values.Text,
    "`service.name` of this instance.",
    "that of the attributes below, else `xrouter`"
  ),
  resourceAttributes: listed(
    "OTEL_RESOURCE_ATTRIBUTES",
    ExportValues.Pairs,
    "What is told of this instance with every batch: `name=value` separated by commas, the values percent-encoded."
  )
}

/** Where a signal goes, if it goes elsewhere than the others. */
const ownWay = (signal: "traces" | "metrics" | "logs", exporters: ReadonlyArray<string>) => {
  const SIGNAL = signal.toUpperCase()
  return {
    exporter: withDefault(
      `OTEL_${SIGNAL}_EXPORTER`,
      Values.choice(exporters),
      "otlp",
      `\`none\` switches the export of ${signal} off.`
    ),
    endpoint: optional(
      `OTEL_EXPORTER_OTLP_${SIGNAL}_ENDPOINT`,
      Values.WholeUrl,
      `The whole URL that takes ${signal}, used as it is.`,
      "made of the one of all signals"
    ),
    headers: optional(
      `OTEL_EXPORTER_OTLP_${SIGNAL}_HEADERS`,
      ExportValues.HeaderPairs,
      `Headers for ${signal} alone, instead of those of all signals.`
    ),
    protocol: optional(
      `OTEL_EXPORTER_OTLP_${SIGNAL}_PROTOCOL`,
      ExportValues.Protocol,
      `The protocol of ${signal} alone.`,
      "that of all signals"
    ),
    timeout: optional(
      `OTEL_EXPORTER_OTLP_${SIGNAL}_TIMEOUT`,
      Values.Count,
      `The time for one batch of ${signal} alone.`,
      "that of all signals"
    )
  }
}

export const traces = {
  ...ownWay("traces", ["otlp", "none"]),
  sampler: withDefault(
    "OTEL_TRACES_SAMPLER",
    ExportValues.Sampler,
    "parentbased_always_on",
    "Which requests are traced: `always_on`, `always_off`, `traceidratio`, or one of them behind `parentbased_`, which first obeys the caller's `traceparent`."
  ),
  samplerArgument: withDefault(
    "OTEL_TRACES_SAMPLER_ARG",
    ExportValues.Share,
    "1",
    "With `traceidratio`: the share of requests, 0 to 1."
  ),
  queueSize: withDefault(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    Values.Count,
    "2048",
    "Most spans that wait for the collector; what comes on top is dropped."
  ),
  batchSize: withDefault("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Values.Count, "512", "Most spans that are sent at once."),
  interval: withDefault(
    "OTEL_BSP_SCHEDULE_DELAY",
    Values.Count,
    "5000",
    "How long a span waits for others at most, in milliseconds."
  )
}

export const metrics = {
  // `prometheus` is what `/metrics` does in any case.
  ...ownWay("metrics", ["otlp", "prometheus", "none"]),
  interval: withDefault(
    "OTEL_METRIC_EXPORT_INTERVAL",
    Values.Count,
    "60000",
    "From one export of all metrics to the next, in milliseconds."
  )
}

export const logs = {
  ...ownWay("logs", ["otlp", "none"]),
  queueSize: withDefault(
    "OTEL_BLRP_MAX_QUEUE_SIZE",
    Values.Count,
    "2048",
    "Most lines of the log that wait for the collector; what comes on top is dropped there, and stands on the standard output still."
  ),
  batchSize: withDefault("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", Values.Count, "512", "Most lines that are sent at once."),
  interval: withDefault(
    "OTEL_BLRP_SCHEDULE_DELAY",
    Values.Count,
    "1000",
    "How long a line waits for others at most, in milliseconds."
  )
}
