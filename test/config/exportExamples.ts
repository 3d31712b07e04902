import { Duration, Redacted } from "effect"
import type { CollectorSettings, SettingsValue } from "../../src/config/Settings.ts"
import type { Example } from "./examples.ts"

const beside = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }

type Signal = "tracing" | "metricsExport" | "logExport"

const of =
  (signal: Signal, field: string) =>
  (settings: SettingsValue): unknown =>
    new Map<string, unknown>(Object.entries(settings[signal] ?? {})).get(field)

const urls = ["collector:4318", "grpc://collector:4317", "https://user:secret@collector"]

type Values = Pick<Example, "good" | "bad">

const pairs: Values = {
  good: [
    ["x-key=1", [["x-key", "1"]]],
    [
      "a=b%20c, d=e=f",
      [
        ["a", "b c"],
        ["d", "e=f"]
      ]
    ]
  ],
  bad: ["key", "=1", "a=%zz", "a b=1", "a=%0A"]
}

const protocol: Values = { good: [["http/json", "http/json"]], bad: ["grpc", "json"] }

const millis: Values = { good: [["250", Duration.millis(250)]], bad: ["0", "1s", "-1"] }

const headers =
  (signal: Signal) =>
  (settings: SettingsValue): unknown => {
    const found: CollectorSettings["headers"] = settings[signal]?.headers
    return found && Redacted.value(found)
  }

const ofSignal = (SIGNAL: string, signal: Signal): Record<string, Example> => ({
  [`OTEL_${SIGNAL}_EXPORTER`]: {
    of: (settings) => settings[signal] !== undefined,
    default: true,
    good: [["none", false]],
    bad: ["zipkin"],
    beside
  },
  [`OTEL_EXPORTER_OTLP_${SIGNAL}_ENDPOINT`]: {
    of: of(signal, "endpoint"),
    default: undefined,
    good: [
      ["https://collector/here", "https://collector/here"],
      ["https://collector/here/", "https://collector/here/"]
    ],
    bad: urls
  },
  [`OTEL_EXPORTER_OTLP_${SIGNAL}_HEADERS`]: { of: headers(signal), default: undefined, ...pairs, beside },
  [`OTEL_EXPORTER_OTLP_${SIGNAL}_PROTOCOL`]: {
    of: of(signal, "protocol"),
    default: "http/protobuf",
    ...protocol,
    beside
  },
  [`OTEL_EXPORTER_OTLP_${SIGNAL}_TIMEOUT`]: {
    of: of(signal, "timeout"),
    default: Duration.seconds(10),
    ...millis,
    beside
  }
})

const batching = (processor: string, signal: "tracing" | "logExport", interval: Duration.Duration) => ({
  [`OTEL_${processor}_SCHEDULE_DELAY`]: { of: of(signal, "interval"), default: interval, ...millis, beside },
  [`OTEL_${processor}_MAX_QUEUE_SIZE`]: {
    of: of(signal, "queueSize"),
    default: 2048,
    good: [["10", 10]] as const,
    bad: ["0", "many"],
    beside
  },
  [`OTEL_${processor}_MAX_EXPORT_BATCH_SIZE`]: {
    of: of(signal, "batchSize"),
    default: 512,
    good: [["10", 10]] as const,
    bad: ["0"],
    beside
  }
})

/** What OpenTelemetry's variables take and what they refuse. */
export const exportExamples: Record<string, Example> = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    of: of("tracing", "endpoint"),
    default: undefined,
    good: [["https://collector/otlp/", "https://collector/otlp/v1/traces"]],
    bad: urls
  },
  OTEL_EXPORTER_OTLP_HEADERS: { of: headers("logExport"), default: undefined, ...pairs, beside },
  OTEL_EXPORTER_OTLP_PROTOCOL: { of: of("metricsExport", "protocol"), default: "http/protobuf", ...protocol, beside },
  OTEL_EXPORTER_OTLP_TIMEOUT: { of: of("logExport", "timeout"), default: Duration.seconds(10), ...millis, beside },
  OTEL_SDK_DISABLED: {
    of: ({ logExport, metricsExport, tracing }) => [logExport, metricsExport, tracing].some((one) => one !== undefined),
    default: true,
    good: [["true", false]],
    bad: ["maybe"],
    beside
  },
  OTEL_SERVICE_NAME: {
    of: ({ tracing }) => tracing?.resource.get("service.name"),
    default: "xrouter",
    good: [["ai", "ai"]],
    bad: [],
    beside
  },
  OTEL_RESOURCE_ATTRIBUTES: {
    of: ({ metricsExport }) => metricsExport?.resource.get("a"),
    default: undefined,
    good: [["a=b%20c", "b c"]],
    bad: ["a", "a=%zz"],
    beside
  },
  ...ofSignal("TRACES", "tracing"),
  ...batching("BSP", "tracing", Duration.seconds(5)),
  OTEL_TRACES_SAMPLER: {
    of: ({ tracing }) => tracing?.sampler.name,
    default: "parentbased_always_on",
    good: [["traceidratio", "traceidratio"]],
    bad: ["jaeger_remote"],
    beside
  },
  OTEL_TRACES_SAMPLER_ARG: {
    of: ({ tracing }) => tracing?.sampler.share,
    default: 1,
    good: [
      ["0", 0],
      ["0.25", 0.25],
      [".5", 0.5]
    ],
    bad: ["1.5", "-1", "half"],
    beside
  },
  ...ofSignal("METRICS", "metricsExport"),
  OTEL_METRIC_EXPORT_INTERVAL: {
    of: of("metricsExport", "interval"),
    default: Duration.minutes(1),
    ...millis,
    beside
  },
  ...ofSignal("LOGS", "logExport"),
  ...batching("BLRP", "logExport", Duration.seconds(1))
}
