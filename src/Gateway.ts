import { Context, Effect, Layer, ManagedRuntime, type Scope } from "effect"
import { type LayerOptions, layerOptions } from "./config/LayerOptions.ts"
import { Settings } from "./config/Settings.ts"
import type { WebHandler } from "./gateway/WebHandler.ts"

/**
 * Everything that can be said to a gateway. A PostgreSQL by `databaseUrl` or one in `dataDir`; a Redis by `redisUrls` or counters in
 * memory; no secret is needed for the one in `dataDir`. Each request has a line on the standard output, from `logLevel` on; everything else
 * is told to the application's own log.
 */
export type GatewayOptions = LayerOptions

/** Of routes on an application's own server, which has an address and an end of its own. */
export type MountOptions = Omit<GatewayOptions, "host" | "port" | "drainGrace" | "drainTimeout"> & {
  /** Before every path of ours, `/llm`; `publicUrl` must end in it. */
  readonly prefix?: `/${string}`
}

/** Loaded when a gateway is built: whoever has none needs no server. */
const embedded = Effect.promise(() => import("./EmbeddedGateway.ts"))

const services = Layer.unwrap(Effect.map(embedded, (gateway) => gateway.services))

const server = Layer.unwrap(Effect.map(embedded, (gateway) => gateway.server))

const mounted = (prefix: MountOptions["prefix"]) =>
  Layer.unwrap(Effect.map(embedded, (gateway) => gateway.mounted(prefix ?? "")))

/** What the routes stand on: keys, limits, ledger, router, database, log, and what else there is. */
export type GatewayServices = Layer.Success<typeof services>

/** What of it the routes ask for: less than `services` gives, so that there are others, `InMemory.services` among them. */
export type RouteServices = Exclude<Effect.Services<ReturnType<typeof webHandler>>, Scope.Scope>

const webHandler = (options: Omit<MountOptions, "prefix"> = {}) =>
  Effect.flatMap(embedded, (gateway) => gateway.webHandler).pipe(Effect.provide(layerOptions(options)))

/**
 * The gateway in an application of one's own. `services` builds what the routes stand on, and the others ask for exactly that: whatever is
 * provided nearer (a `Limits`, a `Router`, a `Metrics` of one's own) stands in its place.
 */
export const Gateway = {
  /** Asks for the providers, and for nothing else. Creates and migrates the database's tables. */
  services: (options: GatewayOptions = {}) => services.pipe(Layer.provide(layerOptions(options))),

  /** The routes on `host` and `port` (0: a free one). When the scope closes, requests that run are answered to their end. */
  layerServer: (options: GatewayOptions = {}) => server.pipe(Layer.provide(layerOptions(options))),

  /** Both: a whole gateway over the providers that it is given. */
  layer: (options: GatewayOptions = {}) =>
    server.pipe(Layer.provideMerge(services), Layer.provide(layerOptions(options))),

  /** A whole gateway as the environment and `xrouter.yaml` describe it; with `Providers.layerConfig` it is that of `npm start`. */
  layerConfig: server.pipe(Layer.provideMerge(services), Layer.provide(Settings.layer)),

  /** The routes on the application's own `HttpRouter`, which must be served by Node. */
  layerMounted: ({ prefix, ...options }: MountOptions = {}) =>
    mounted(prefix).pipe(Layer.provide(layerOptions(options))),

  /** For a runtime that speaks the Fetch standard; see `toWebHandler` for one without Effect. */
  webHandler,

  /**
   * A function from `Request` to `Response`, over services that are built when it is first called: `Gateway.services`, or whatever else
   * has all that the routes ask for. `run` is for effects that need them. Of a request that is aborted, or that comes after `dispose`, the
   * promise is rejected.
   */
  toWebHandler: <E, R = never>(
    layer: Layer.Layer<RouteServices | R, E>,
    options: Omit<MountOptions, "prefix"> = {}
  ): WebGateway<RouteServices | R> => {
    const runtime = ManagedRuntime.make(
      Layer.effect(Handler, Gateway.webHandler(options)).pipe(Layer.provideMerge(layer))
    )
    return {
      handler: (request) => runtime.runPromise(Effect.flatMap(Handler, (handle) => handle(request))),
      run: (effect) => runtime.runPromise(effect),
      dispose: () => runtime.dispose()
    }
  }
}

/** A gateway for whoever has no Effect around it. */
export interface WebGateway<R = GatewayServices> {
  readonly handler: (request: Request) => Promise<Response>
  readonly run: <A, E>(effect: Effect.Effect<A, E, R>) => Promise<A>
  readonly dispose: () => Promise<void>
}

class Handler extends Context.Service<Handler, WebHandler>()("xrouter/Gateway/Handler") {}
