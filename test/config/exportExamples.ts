import { Duration, Redacted } from "effect"
import type { SettingsValue, TracingSettings } from "../../src/config/Settings.ts"
import type { Example } from "./examples.ts"

const beside = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" }

const of =
  <Field extends keyof TracingSettings>(field: Field) =>
  ({ tracing }: SettingsValue) =>
    tracing?.[field]

const isOn = ({ tracing }: SettingsValue) => tracing !== undefined

const headers = ({ tracing }: SettingsValue) => tracing?.headers && Redacted.value(tracing.headers)

const urls = ["collector:4318", "grpc://collector:4317", "https://user:secret@collector"]

const pairs: Pick<Example, "good" | "bad"> = {
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

const protocol: Pick<Example, "good" | "bad"> = { good: [["http/json", "http/json"]], bad: ["grpc", "json"] }

const millis = (field: "timeout" | "interval"): Pick<Example, "of" | "good" | "bad" | "beside"> => ({
  of: of(field),
  good: [["250", Duration.millis(250)]],
  bad: ["0", "1s", "-1"],
  beside
})

/** What OpenTelemetry's variables take and what they refuse. */
export const tracingExamples: Record<string, Example> = {
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    of: of("endpoint"),
    default: undefined,
    good: [["https://collector/otlp/", "https://collector/otlp/v1/traces"]],
    bad: urls
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    of: of("endpoint"),
    default: undefined,
    good: [["https://collector/traces", "https://collector/traces"]],
    bad: urls
  },
  OTEL_EXPORTER_OTLP_HEADERS: { of: headers, default: undefined, ...pairs, beside },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: { of: headers, default: undefined, ...pairs, beside },
  OTEL_EXPORTER_OTLP_PROTOCOL: { of: of("protocol"), default: "http/protobuf", ...protocol, beside },
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: { of: of("protocol"), default: "http/protobuf", ...protocol, beside },
  OTEL_EXPORTER_OTLP_TIMEOUT: { default: Duration.seconds(10), ...millis("timeout") },
  OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: { default: Duration.seconds(10), ...millis("timeout") },
  OTEL_BSP_SCHEDULE_DELAY: { default: Duration.seconds(5), ...millis("interval") },
  OTEL_BSP_MAX_QUEUE_SIZE: { of: of("queueSize"), default: 2048, good: [["10", 10]], bad: ["0", "many"], beside },
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: { of: of("batchSize"), default: 512, good: [["10", 10]], bad: ["0"], beside },
  OTEL_TRACES_EXPORTER: { of: isOn, default: true, good: [["none", false]], bad: ["zipkin"], beside },
  OTEL_SDK_DISABLED: { of: isOn, default: true, good: [["true", false]], bad: ["maybe"], beside },
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
  OTEL_SERVICE_NAME: {
    of: ({ tracing }) => tracing?.resource.get("service.name"),
    default: "xrouter",
    good: [["ai", "ai"]],
    bad: [],
    beside
  },
  OTEL_RESOURCE_ATTRIBUTES: {
    of: ({ tracing }) => tracing?.resource.get("a"),
    default: undefined,
    good: [["a=b%20c", "b c"]],
    bad: ["a", "a=%zz"],
    beside
  }
}
