import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { Rules, Storage, TelemetryInApplication } from "./Application.ts"
import { Draining } from "./gateway/Drain.ts"
import { GatewayServer } from "./gateway/Gateway.ts"
import { Health } from "./gateway/Health.ts"
import { mountedRoutes } from "./gateway/Mounted.ts"
import { NodeServer } from "./gateway/NodeServer.ts"
import { OpenRequests } from "./gateway/OpenRequests.ts"
import { makeWebHandler } from "./gateway/WebHandler.ts"
import { Router } from "./router/Router.ts"

/** What the routes stand on, but for the providers. */
export const services = Health.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(Rules, Router.layerRouting, OpenRequests.layer)),
  Layer.provideMerge(Storage),
  Layer.provideMerge(TelemetryInApplication),
  Layer.provide(NodeServices.layer)
)

/** The routes on a port of their own, with an orderly end. */
export const server = Draining.pipe(Layer.provideMerge(GatewayServer), Layer.provideMerge(NodeServer.layer))

/** The routes on an application's own router. */
export const mounted = (prefix: "" | `/${string}`) =>
  mountedRoutes(prefix).pipe(Layer.provide(NodeHttpServer.layerHttpServices))

/** The routes as a function of a `Request`. */
export const webHandler = Effect.provide(makeWebHandler, NodeHttpServer.layerHttpServices)
