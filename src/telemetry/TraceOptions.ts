import { Context, type Duration, type Redacted } from "effect"

/** Where traces go and which are made; the composition root takes them from the settings. */
export class TraceOptions extends Context.Service<
  TraceOptions,
  {
    /** Undefined: no traces are made. */
    readonly tracing: Exporting | undefined
  }
>()("xrouter/telemetry/TraceOptions") {}

export interface Exporting {
  /** The whole URL that takes traces by OTLP over HTTP. */
  readonly endpoint: string
  readonly headers: Redacted.Redacted<ReadonlyArray<readonly [name: string, value: string]>> | undefined
  readonly protocol: "http/protobuf" | "http/json"
  /** Of one batch. */
  readonly timeout: Duration.Duration
  readonly sampler: SamplerOptions
  /** Attributes of this instance. */
  readonly resource: ReadonlyMap<string, string>
  /** Most spans that wait, and that are sent at once. */
  readonly queueSize: number
  readonly batchSize: number
  /** How long a span waits for others at most. */
  readonly interval: Duration.Duration
}

/** In the terms of OpenTelemetry's `OTEL_TRACES_SAMPLER` and its argument. */
export interface SamplerOptions {
  readonly name:
    | "always_on"
    | "always_off"
    | "traceidratio"
    | `parentbased_${"always_on" | "always_off" | "traceidratio"}`
  /** Of requests, with a ratio: 0 to 1. */
  readonly share: number
}
