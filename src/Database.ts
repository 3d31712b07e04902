import { Effect, Layer } from "effect"
import { type LayerOptions, layerOptions } from "./config/LayerOptions.ts"
import { Settings } from "./config/Settings.ts"

/** Loaded when a database is opened. */
const layerSettings = Layer.unwrap(
  Effect.map(
    Effect.promise(() => import("./EmbeddedDatabase.ts")),
    ({ database }) => database
  )
)

/** Where keys, usage and OAuth are kept, with its tables brought to what this version needs. */
export const Database = {
  /** PostgreSQL by `databaseUrl`; without one, PGlite in `dataDir`, which one process at a time can have. */
  layer: (options: Pick<LayerOptions, "databaseUrl" | "dataDir">) =>
    layerSettings.pipe(Layer.provide(layerOptions(options))),

  layerConfig: layerSettings.pipe(Layer.provide(Settings.layer))
}
