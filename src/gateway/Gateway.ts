import { Layer } from "effect"
import { HttpRouter } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { AdminAuthorizationLayer } from "./AdminAuthorizationLayer.ts"
import { AdminHandlers } from "./AdminHandlers.ts"
import { Api, TypedApi } from "./Api.ts"
import { AuthorizationLayer } from "./AuthorizationLayer.ts"
import { ChatAnswers } from "./ChatAnswers.ts"
import { ChatRoute } from "./ChatRoute.ts"
import { ClientsHandlers } from "./ClientsHandlers.ts"
import { CompletionsRoute } from "./CompletionsRoute.ts"
import { docsPath, DocsRoutes, openApiPath } from "./Docs.ts"
import * as Edge from "./Edge.ts"
import { EmbeddingsRoute } from "./EmbeddingsRoute.ts"
import { GenerationHandlers } from "./GenerationHandlers.ts"
import { HealthHandlers } from "./HealthHandlers.ts"
import { KeysAuthorizationLayer } from "./KeysAuthorizationLayer.ts"
import { KeysHandlers } from "./KeysHandlers.ts"
import { ModelsHandlers, SlashedModelRoutes, slashedModelPaths } from "./ModelsHandlers.ts"
import { OAuthRoutes, oauthRoutes } from "./OAuthRoutes.ts"
import { OwnKeyHandlers } from "./OwnKeyHandlers.ts"
import { ProvidersStatusHandlers } from "./ProvidersStatusHandlers.ts"
import { RaisedErrors } from "./RaisedErrors.ts"
import { RequestReport } from "./RequestReport.ts"
import { ResponsesRoute } from "./ResponsesRoute.ts"
import { routeTable } from "./RouteTable.ts"
import { UsageHandlers } from "./UsageHandlers.ts"

/** Every path that is ours. */
export const routes = routeTable(Api, [
  ...slashedModelPaths.map((path) => ["GET", path] as const),
  ["GET", docsPath],
  ["GET", openApiPath],
  ...oauthRoutes
])

const ApiRoutes = HttpApiBuilder.layer(TypedApi).pipe(
  Layer.provide([
    ModelsHandlers,
    ProvidersStatusHandlers,
    GenerationHandlers,
    OwnKeyHandlers,
    HealthHandlers,
    AdminHandlers,
    UsageHandlers,
    ClientsHandlers,
    KeysHandlers
  ]),
  Layer.provide([AuthorizationLayer, KeysAuthorizationLayer, AdminAuthorizationLayer, RaisedErrors.layer])
)

/** Every route of the gateway, on whatever `HttpRouter` an application has. */
export const Gateway = Layer.mergeAll(
  ApiRoutes,
  ChatRoute,
  CompletionsRoute,
  ResponsesRoute,
  EmbeddingsRoute,
  SlashedModelRoutes,
  DocsRoutes,
  OAuthRoutes
).pipe(Layer.provide(Edge.layer(routes)), Layer.provide([ChatAnswers.layer, RequestReport.layer]))

/**
 * One spelling for each path, as the table of routes, CORS and a proxy's rules in front of us know it: `/Admin/v1/users` or
 * `//admin/v1/users` is nothing.
 */
export const routerConfig = { caseSensitive: true, ignoreDuplicateSlashes: false, ignoreTrailingSlash: false }

/** The gateway on the HTTP server at hand. */
export const GatewayServer = HttpRouter.serve(Gateway, { disableLogger: true, disableListenLog: true, routerConfig })
