import { Context } from "effect"

/** How the log looks and how much of it there is; the composition root takes them from the settings. */
export class LogOptions extends Context.Service<
  LogOptions,
  {
    /** `json`: one object a line; `pretty`: for a person at a terminal. */
    readonly format: "pretty" | "json"
    /** The lowest level that is written. */
    readonly level: "trace" | "debug" | "info" | "warn" | "error"
  }
>()("xrouter/telemetry/LogOptions") {}
