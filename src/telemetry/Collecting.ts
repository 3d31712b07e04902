import { Context, type Duration, type Redacted } from "effect"

/** Where one signal goes, by OTLP over HTTP. */
export interface Collecting {
  /** The whole URL that takes it. */
  readonly endpoint: string
  readonly headers: Redacted.Redacted<ReadonlyArray<readonly [name: string, value: string]>> | undefined
  readonly protocol: "http/protobuf" | "http/json"
  /** Of one batch. */
  readonly timeout: Duration.Duration
  /** Attributes of this instance. */
  readonly resource: ReadonlyMap<string, string>
}

export interface Batching {
  /** Most items that wait, and that are sent at once. */
  readonly queueSize: number
  readonly batchSize: number
  /** How long an item waits for others at most. */
  readonly interval: Duration.Duration
}

/** What else than traces goes to a collector; the composition root takes it from the settings. Nothing, unless told. */
export const ExportOptions = Context.Reference<{
  readonly metrics: MetricsExporting | undefined
  readonly logs: LogExporting | undefined
}>("xrouter/telemetry/ExportOptions", { defaultValue: () => ({ metrics: undefined, logs: undefined }) })

export interface MetricsExporting extends Collecting {
  /** From one export to the next. */
  readonly interval: Duration.Duration
}

export interface LogExporting extends Collecting, Batching {}
