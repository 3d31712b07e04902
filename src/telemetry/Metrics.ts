import { Context, type Effect } from "effect"
import type { ErrorCode } from "../domain/Errors.ts"
import type { Usage } from "../domain/Usage.ts"

/**
 * What the mission records, and what else Prometheus is told (CONTRACT, "Metrics"). Every method is synchronous and cheap;
 * labels are bounded by the callers: `model` is a name of the catalogue or `other`.
 */
export class Metrics extends Context.Service<
  Metrics,
  {
    readonly recordRequest: (provider: string, model: string) => void
    readonly recordLatency: (provider: string, millis: number) => void
    readonly recordError: (provider: string, code: ErrorCode) => void
    readonly recordTokens: (provider: string, usage: Usage) => void
    /** Our own share of a request: all of it but the waiting for the provider. */
    readonly recordOverhead: (millis: number) => void
    readonly recordFirstToken: (provider: string, millis: number) => void
    readonly recordRateLimited: (reason: string) => void
    readonly recordDisconnect: () => void
    readonly requestStarted: (stream: boolean) => void
    readonly requestEnded: (stream: boolean) => void
    readonly setDegraded: (component: "database" | "redis", degraded: boolean) => void
    /** Prometheus' text format, version 0.0.4. */
    readonly render: Effect.Effect<string>
  }
>()("xrouter/telemetry/Metrics") {}
