import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { ApiKeys } from "./auth/ApiKeys.ts"
import { Authenticator } from "./auth/Authenticator.ts"
import { Users } from "./auth/Users.ts"
import { Settings } from "./config/Settings.ts"
import { Announcement } from "./FirstStart.ts"
import { GatewayServer } from "./gateway/Gateway.ts"
import { Health } from "./gateway/Health.ts"
import * as NodeServer from "./gateway/NodeServer.ts"
import { LimiterStore } from "./limits/LimiterStore.ts"
import { Limits } from "./limits/Limits.ts"
import { Notices } from "./Notices.ts"
import { Catalog } from "./router/Catalog.ts"
import { ProviderHealth } from "./router/ProviderHealth.ts"
import { Providers } from "./router/Providers.ts"
import { Router } from "./router/Router.ts"
import * as Database from "./storage/Database.ts"
import { Migrations } from "./storage/Migrations.ts"
import { Secrets } from "./storage/Secrets.ts"
import * as Logging from "./telemetry/Logging.ts"
import { LogOptions } from "./telemetry/LogOptions.ts"
import { Metrics } from "./telemetry/Metrics.ts"
import { RequestLog } from "./telemetry/RequestLog.ts"

const Telemetry = Layer.mergeAll(Metrics.layer, RequestLog.layer, Logging.layer).pipe(
  Layer.provide(
    Layer.effect(
      LogOptions,
      Effect.map(Settings, ({ logFormat, logLevel }) => ({ format: logFormat, level: logLevel }))
    )
  )
)

const Storage = Layer.mergeAll(Migrations.layer, Secrets.layer).pipe(Layer.provideMerge(Database.layer))

const Rules = Layer.mergeAll(
  Authenticator.layer,
  Users.layer,
  ApiKeys.layer,
  Limits.layer.pipe(Layer.provideMerge(LimiterStore.layer))
)

const Routing = Router.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(Catalog.layer, ProviderHealth.layer)),
  Layer.provideMerge(Providers.layer)
)

/** Not ready from the moment on that the process is told to stop: this ends before the server does. */
const Draining = Layer.effectDiscard(Effect.flatMap(Health, ({ drain }) => Effect.addFinalizer(() => drain)))

/** XRouter as a service: everything of it but the settings, which tell it what to be. */
export const ApplicationWithSettings = Layer.mergeAll(GatewayServer, Announcement, Draining).pipe(
  Layer.provideMerge(NodeServer.layer),
  Layer.provide(Health.layer),
  Layer.provide([Rules, Routing]),
  Layer.provide(Storage),
  Layer.provide(Telemetry),
  Layer.provide(NodeServices.layer)
)

/** XRouter as `npm start` runs it: set by the environment and `xrouter.yaml`. */
export const Application = Layer.merge(ApplicationWithSettings, Layer.provide(Notices, Telemetry)).pipe(
  Layer.provide(Settings.layer),
  Layer.provide(NodeServices.layer)
)
