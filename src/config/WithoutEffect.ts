import { Effect } from "effect"
import { namesBelow } from "./Environment.ts"
import type { Fault } from "./Faults.ts"
import type { SettingsValue } from "./Settings.ts"
import { sections } from "./Variables.ts"

/**
 * What was set and does nothing in this version: nobody shall take it for done. Their list for readers is in
 * `docs/configuration.md`.
 */
export const withoutEffect = (_settings: SettingsValue): Effect.Effect<ReadonlyArray<Fault>> => exports

/** Of OpenTelemetry's variables those that are for exporters; the others may be meant for other programs. */
const forExporters = /^OTEL_(EXPORTER_OTLP|BSP|BLRP|METRIC|METRICS)_/

const exports = Effect.map(namesBelow("OTEL"), (names) => {
  const read = new Set(sections.flatMap(({ variables }) => Object.values(variables).map(({ name }) => name)))
  return names
    .filter((name) => forExporters.test(name) && !read.has(name))
    .sort()
    .map((at) => ({ at, message: "is set, but this version does nothing with it" }))
})
