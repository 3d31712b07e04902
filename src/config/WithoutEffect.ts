import { Effect } from "effect"
import { namesBelow } from "./Environment.ts"
import type { Fault } from "./Faults.ts"
import type { SettingsValue } from "./Settings.ts"

/**
 * What was set, is read and checked, and does nothing in this version: nobody shall take it for done. Their list for readers is in
 * `docs/configuration.md`.
 */
export const withoutEffect = (_settings: SettingsValue): Effect.Effect<ReadonlyArray<Fault>> => exports

const exports = Effect.map(namesBelow("OTEL"), (names) =>
  names
    .filter((name) => /^OTEL_EXPORTER_OTLP_(METRICS|LOGS)_ENDPOINT$/.test(name))
    .map((at) => ({ at, message: "is set, but this version exports traces alone by OTLP" }))
)
