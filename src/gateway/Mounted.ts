import { ByteSize, Effect, Layer } from "effect"
import { HttpIncomingMessage, HttpRouter, HttpServerRequest } from "effect/http"
import { Settings } from "../config/Settings.ts"
import { Gateway, routerConfig, routes } from "./Gateway.ts"

/**
 * The gateway as one handler, with a router and an edge of its own: what surrounds its requests (ids, limits of size, the envelope of
 * errors, CORS, metrics) surrounds nobody else's.
 */
export const gatewayHandler = Effect.gen(function* () {
  const { maxBody } = yield* Settings
  const handler = yield* HttpRouter.toHttpEffect(Gateway).pipe(
    Effect.provideService(HttpRouter.RouterConfig, routerConfig),
    // Remembering nothing of what the application has built: or the router would be the application's.
    Effect.provideServiceEffect(Layer.CurrentMemoMap, Layer.makeMemoMap)
  )
  // Its edge has made an answer of whatever went wrong.
  return Effect.provideService(Effect.orDie(handler), HttpIncomingMessage.MaxBodySize, ByteSize.bytes(maxBody))
})

/** The first part of each path of ours, and all that is below it: `/v1`, `/admin`, `/.well-known`, … */
const places = [...new Set(routes.patterns.map((pattern) => `/${pattern.split("/", 2)[1] ?? ""}` as const))]

/**
 * The gateway's paths on an application's own router, below `prefix` if there is one (`/llm`). The application's server must be Node's.
 * Whatever is below a place of ours and is no route gets our 404.
 */
export const mountedRoutes = (prefix: "" | `/${string}`) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const handler = yield* gatewayHandler
      const unprefixed =
        prefix === "" ? handler : Effect.updateService(handler, HttpServerRequest.HttpServerRequest, without(prefix))
      // Each pattern stands for the place itself too.
      for (const place of places) yield* router.add("*", `${prefix}${place}/*`, unprefixed)
    })
  )

const without = (prefix: string) => (request: HttpServerRequest.HttpServerRequest) =>
  request.modify({ url: request.url.slice(prefix.length) })
