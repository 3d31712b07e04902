import { Context } from "effect"
import type { Batching, Collecting } from "./Collecting.ts"

/** Where traces go and which are made; the composition root takes them from the settings. */
export class TraceOptions extends Context.Service<
  TraceOptions,
  {
    /** Undefined: no traces are made. */
    readonly tracing: Exporting | undefined
  }
>()("xrouter/telemetry/TraceOptions") {}

export interface Exporting extends Collecting, Batching {
  readonly sampler: SamplerOptions
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
