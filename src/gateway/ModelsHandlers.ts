import { Array as Arr, Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Authenticator } from "../auth/Authenticator.ts"
import { AuthError, ValidationError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
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
      listModels: Effect.fn(function* ({ query: { provider } }) {
        const models = yield* usable(catalog, yield* CurrentPrincipal)
        return {
          object: "list" as const,
          data: models.filter(({ id }) => provider === undefined || id.startsWith(`${provider}/`)).map(entry)
        }
      }),
      retrieveModel: Effect.fn(function* ({ params }) {
        return entry(yield* usableOne(catalog, yield* CurrentPrincipal, params.id))
      })
    })
  })
)

/** All models; of a credential that is bound to some, those, under the names that it is bound to. */
const usable = (
  catalog: Catalog["Service"],
  { models }: Principal
): Effect.Effect<ReadonlyArray<CatalogModel>, ValidationError> =>
  models === undefined
    ? catalog.list
    : Effect.map(
        Effect.forEach(models, (name) => Effect.option(catalog.find(name)), { concurrency: "unbounded" }),
        Arr.getSomes
      )

const usableOne = (
  catalog: Catalog["Service"],
  { models }: Principal,
  id: string
): Effect.Effect<CatalogModel, ValidationError | AuthError> =>
  Effect.filterOrFail(
    catalog.find(id),
    () => models === undefined || models.includes(id),
    () => modelNotAllowed
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
        const principal = yield* requestedBy(authenticator, context, request)
        const id = yield* decoded(path.slice(prefix.length))
        return HttpServerResponse.jsonUnsafe(entry(yield* usableOne(catalog, principal, id)))
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

const modelNotAllowed = new AuthError({
  reason: "model_not_allowed",
  message: "This credential may not use the model that was asked for"
})
