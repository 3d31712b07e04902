import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { ApiKeys } from "./auth/ApiKeys.ts"
import { Authenticator } from "./auth/Authenticator.ts"
import { Users } from "./auth/Users.ts"
import { Answering } from "./cluster/Answering.ts"
import { Reload } from "./config/Reload.ts"
import { Settings } from "./config/Settings.ts"
import { Worker } from "./config/Worker.ts"
import { Announcement } from "./FirstStart.ts"
import { collectForRequests } from "./GarbageCollection.ts"
import { Draining } from "./gateway/Drain.ts"
import { GatewayServer } from "./gateway/Gateway.ts"
import { Health } from "./gateway/Health.ts"
import { NodeServer } from "./gateway/NodeServer.ts"
import { OpenRequests } from "./gateway/OpenRequests.ts"
import { Ledger } from "./ledger/Ledger.ts"
import { UsageReports } from "./ledger/UsageReports.ts"
import { LimiterStore } from "./limits/LimiterStore.ts"
import { Limits } from "./limits/Limits.ts"
import { Notices } from "./Notices.ts"
import { Uncaught } from "./Uncaught.ts"
import { Reloading } from "./Reloading.ts"
import { AuthorizationServer } from "./oauth/AuthorizationServer.ts"
import { Providers } from "./router/Providers.ts"
import { Router } from "./router/Router.ts"
import * as Database from "./storage/Database.ts"
import { Migrations } from "./storage/Migrations.ts"
import { Secrets } from "./storage/Secrets.ts"
import { ExportOptions } from "./telemetry/Collecting.ts"
import * as Logging from "./telemetry/Logging.ts"
import { LogOptions } from "./telemetry/LogOptions.ts"
import { Metrics } from "./telemetry/Metrics.ts"
import * as MetricsExport from "./telemetry/MetricsExport.ts"
import { RequestLog } from "./telemetry/RequestLog.ts"
import { TraceOptions } from "./telemetry/TraceOptions.ts"
import { Tracing } from "./telemetry/Tracing.ts"

const telemetry = (logging: typeof Logging.layer) =>
  MetricsExport.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(RequestLog.layer, Tracing.layer)),
    // What is built on the log can tell of its end.
    Layer.provideMerge(logging),
    // What is sent to collectors is counted among the rest.
    Layer.provideMerge(Metrics.layer),
    Layer.provide([
      Layer.effect(
        LogOptions,
        Effect.map(Effect.all([Settings, Worker]), ([{ logFormat, logLevel }, worker]) => ({
          format: logFormat,
          level: logLevel,
          worker
        }))
      ),
      Layer.effect(
        TraceOptions,
        Effect.map(Settings, ({ tracing }) => ({ tracing }))
      ),
      Layer.effect(
        ExportOptions,
        Effect.map(Settings, ({ logExport, metricsExport }) => ({ logs: logExport, metrics: metricsExport }))
      )
    ])
  )

const Telemetry = telemetry(Logging.layer)

/** For an application that has a log: what Effect logs is told there, beside our line for each request. */
export const TelemetryInApplication = telemetry(Layer.empty)

export const Storage = Layer.mergeAll(Migrations.layer, Secrets.layer).pipe(Layer.provideMerge(Database.layer))

export const Rules = Layer.mergeAll(
  Authenticator.layer,
  Users.layerSettings,
  ApiKeys.layerSettings,
  AuthorizationServer,
  Limits.layerSettings.pipe(Layer.provideMerge(LimiterStore.layerSettings)),
  Ledger.layerSettings,
  UsageReports.layer
)

const Routing = Router.layerRouting.pipe(Layer.provideMerge(Providers.layerSettings))

/** XRouter as a service: everything of it but the settings, which tell it what to be. */
export const ApplicationWithSettings = Draining.pipe(
  // What is built first ends last: answers go on until the drain is over.
  Layer.provideMerge(Layer.mergeAll(GatewayServer, Announcement)),
  Layer.provideMerge(Layer.mergeAll(NodeServer.layer, OpenRequests.layer, Answering)),
  Layer.provide(Health.layer),
  Layer.provide([Rules, Routing]),
  Layer.provide(Storage),
  Layer.provide(Telemetry),
  Layer.provide(NodeServices.layer)
)

/** Once all is loaded, and listens. */
const Collecting = Layer.effectDiscard(Effect.sync(collectForRequests))

/** XRouter as `npm start` runs it: set by the environment and `xrouter.yaml`. */
export const Application = Collecting.pipe(
  Layer.provideMerge(ApplicationWithSettings),
  Layer.merge(
    Layer.mergeAll(Notices, Reloading, Uncaught).pipe(
      // Built once, so these are the ones that serve.
      Layer.provide([Routing, OpenRequests.layer]),
      Layer.provide(Telemetry)
    )
  ),
  Layer.provide(Reload.layer),
  Layer.provide(NodeServices.layer)
)
