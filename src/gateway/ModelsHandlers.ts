import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Authenticator } from "../auth/Authenticator.ts"
import { ValidationError } from "../domain/Errors.ts"
import { Catalog, type CatalogModel } from "../router/Catalog.ts"
import { Api } from "./Api.ts"
import { CurrentPrincipal } from "./Authorization.ts"
import { requestedBy } from "./AuthorizationLayer.ts"
import { notFound } from "./Failure.ts"
import { CurrentRequest } from "./RequestContext.ts"

export const ModelsHandlers = HttpApiBuilder.group(
  Api,
  "models",
  Effect.fn(function* (handlers) {
    const catalog = yield* Catalog

    return handlers.handleAll({
      listModels: Effect.fn(function* ({ query }) {
        const principal = yield* CurrentPrincipal
        const models = yield* catalog.list
        return {
          object: "list" as const,
          data: models
            .filter(({ id }) => query.provider === undefined || id.startsWith(`${query.provider}/`))
            .filter(({ id }) => principal.models === undefined || principal.models.includes(id))
            .map(entry)
        }
      }),
      retrieveModel: ({ params }) => Effect.map(catalog.find(params.id), entry)
    })
  })
)

/** Where a client did not encode the `/` of an id, which the typed route takes for two segments. */
export const slashedModelPath = "/v1/models/*"

export const SlashedModelRoute = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const catalog = yield* Catalog
    const authenticator = yield* Authenticator
    yield* router.add(
      "GET",
      // Not `/*`: the router would claim the path without the slash too, which is the list's.
      "/v1/models*",
      Effect.fnUntraced(function* (request) {
        const context = yield* CurrentRequest
        const { path } = context
        const prefix = slashedModelPath.slice(0, -1)
        if (!path.startsWith(prefix)) return yield* notFound
        yield* requestedBy(authenticator, context, request)
        const id = yield* decoded(path.slice(prefix.length))
        return HttpServerResponse.jsonUnsafe(entry(yield* catalog.find(id)))
      })
    )
  })
)

const decoded = (text: string): Effect.Effect<string, ValidationError> =>
  Effect.try({
    try: () => decodeURIComponent(text),
    catch: () => new ValidationError({ reason: "invalid_request", message: "The path is not well-formed" })
  })

const entry = ({ id, ownedBy, created }: CatalogModel) => ({
  id,
  object: "model" as const,
  created,
  owned_by: ownedBy
})
