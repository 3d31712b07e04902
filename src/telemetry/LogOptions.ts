import { Context } from "effect"

/** How the log looks and how much of it there is; the composition root takes them from the settings. */
export class LogOptions extends Context.Service<
  LogOptions,
  {
    /** `json`: one object a line; `pretty`: for a person at a terminal. */
    readonly format: "pretty" | "json"
    /** The lowest level that is written. */
    readonly level: "trace" | "debug" | "info" | "warn" | "error"
    /** Which of several processes that write to one output; 0 for the primary among them, undefined where there is but one. */
    readonly worker?: number | undefined
  }
>()("xrouter/telemetry/LogOptions") {}
