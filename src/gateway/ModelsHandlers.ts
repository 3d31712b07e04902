import { Array as Arr, Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Authenticator } from "../auth/Authenticator.ts"
import { type AuthError, ValidationError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import { Catalog, type CatalogModel } from "../router/Catalog.ts"
import { modelNotAllowed } from "./Admission.ts"
import { Api } from "./Api.ts"
import { CurrentPrincipal } from "./Authorization.ts"
import { requestedBy } from "./AuthorizationLayer.ts"
import { notFound } from "./Failure.ts"
import { entry, type Entry, parametersOf } from "./ModelEntry.ts"
import { CurrentRequest } from "./RequestContext.ts"

export const ModelsHandlers = HttpApiBuilder.group(
  Api,
  "models",
  Effect.fn(function* (handlers) {
    const catalog = yield* Catalog

    return handlers.handleAll({
      listModels: Effect.fn(function* ({ query: { provider, supported_parameters = "" } }) {
        const models = yield* usable(catalog, yield* CurrentPrincipal)
        const wanted = supported_parameters.split(",").filter((name) => name !== "")
        return {
          object: "list" as const,
          data: models
            .filter(({ id }) => provider === undefined || id.startsWith(`${provider}/`))
            .map((model) => entry(catalog, model))
            .filter((model) => wanted.every((name) => model.supported_parameters.includes(name)))
        }
      }),
      retrieveModel: Effect.fn(function* ({ params }) {
        return entry(catalog, yield* usableOne(catalog, yield* CurrentPrincipal, params.id))
      }),
      modelParameters: Effect.fn(function* ({ params }) {
        return parametersOf(entry(catalog, yield* usableOne(catalog, yield* CurrentPrincipal, params.id)))
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

/** Where a client did not encode the `/` of an id, which the typed routes take for two segments. */
const slashed: ReadonlyArray<readonly [base: `/${string}`, body: (model: Entry) => unknown]> = [
  ["/v1/models", (model) => model],
  ["/v1/parameters", parametersOf]
]

export const slashedModelPaths = slashed.map(([base]) => `${base}/*`)

export const SlashedModelRoutes = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const catalog = yield* Catalog
    const authenticator = yield* Authenticator
    for (const [base, body] of slashed) {
      const prefix = `${base}/`
      yield* router.add(
        "GET",
        // Not `/*`: the router would claim the path without the slash too, which is the list's.
        `${base}*`,
        Effect.fnUntraced(function* (request) {
          const context = yield* CurrentRequest
          const { path } = context
          if (!path.startsWith(prefix)) return yield* notFound
          const principal = yield* requestedBy(authenticator, context, request)
          const id = yield* decoded(path.slice(prefix.length))
          return HttpServerResponse.jsonUnsafe(body(entry(catalog, yield* usableOne(catalog, principal, id))))
        })
      )
    }
  })
)

const decoded = (text: string): Effect.Effect<string, ValidationError> =>
  Effect.try({
    try: () => decodeURIComponent(text),
    catch: () => new ValidationError({ reason: "invalid_request", message: "The path is not well-formed" })
  })
