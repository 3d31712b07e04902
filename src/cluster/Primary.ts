import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { Settings } from "../config/Settings.ts"
import { Notices } from "../Notices.ts"
import { ExportOptions } from "../telemetry/Collecting.ts"
import * as Logging from "../telemetry/Logging.ts"
import { LogOptions } from "../telemetry/LogOptions.ts"
import { Uncaught } from "../Uncaught.ts"
import { Supervision } from "./Supervision.ts"

/** The process that starts the others: it has a log and no store, and answers no request. */
export const primary = Layer.launch(
  Layer.mergeAll(Supervision, Notices, Uncaught).pipe(
    Layer.provide(Logging.layer),
    Layer.provide([
      Layer.effect(
        LogOptions,
        Effect.map(Settings, ({ logFormat, logLevel }) => ({ format: logFormat, level: logLevel, worker: 0 }))
      ),
      Layer.effect(
        ExportOptions,
        Effect.map(Settings, ({ logExport }) => ({ logs: logExport, metrics: undefined }))
      )
    ]),
    Layer.provide(Settings.layer),
    Layer.provide(NodeServices.layer)
  )
)
