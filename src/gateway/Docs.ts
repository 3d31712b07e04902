import { Effect, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiScalar, OpenApi } from "effect/http-api"
import { Api } from "./Api.ts"

export const docsPath = "/docs"
export const openApiPath = "/openapi.json"

/**
 * `/openapi.json` and a page that reads it to people. The page's script is three megabytes: it is loaded when it is first
 * asked for, not when the gateway starts.
 */
export const DocsRoutes = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const scope = yield* Effect.scope
    const page = yield* Effect.cached(
      HttpRouter.toHttpEffect(HttpApiScalar.layer(Api, { path: docsPath })).pipe(
        Effect.provideService(Scope.Scope, scope)
      )
    )
    const document = yield* Effect.cached(Effect.sync(() => HttpServerResponse.jsonUnsafe(OpenApi.fromApi(Api))))
    yield* router.add("GET", docsPath, Effect.flatten(page))
    yield* router.add("GET", openApiPath, document)
  })
)
