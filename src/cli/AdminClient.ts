import { Context, Effect, Layer } from "effect"
import { FetchHttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { HttpApi, HttpApiClient, HttpApiMiddleware } from "effect/http-api"
import { AuthError, InternalError, ValidationError } from "../domain/Errors.ts"
import { AdminApi } from "../gateway/AdminApi.ts"
import { AdminAuthorization } from "../gateway/AdminAuthorization.ts"
import { ClientsApi } from "../gateway/ClientsApi.ts"
import { CommandError } from "./CommandError.ts"
import { findGateway } from "./GatewayAddress.ts"
import { foreign, silent } from "./Unreached.ts"

/** The part of the gateway's API that this command speaks. */
class AdminOnly extends HttpApi.make("xrouter").add(AdminApi).add(ClientsApi) {}

type Groups = HttpApiClient.ForApi<typeof AdminOnly>

/** The endpoints of all groups side by side: no two have one name. */
type Client = Groups["admin"] & Groups["clients"]

/** The admin API of a running gateway. */
export class AdminClient extends Context.Service<
  AdminClient,
  {
    /** Asks the gateway; whatever goes wrong ends the command with a message for a person. */
    readonly ask: <A, E>(question: (admin: Client) => Effect.Effect<A, E>) => Effect.Effect<A, CommandError>
  }
>()("xrouter/cli/AdminClient") {
  static readonly layer = Layer.effect(
    AdminClient,
    Effect.gen(function* () {
      const { adminKey, url } = yield* findGateway()
      const { admin, clients } = yield* HttpApiClient.make(AdminOnly, { baseUrl: url }).pipe(
        Effect.provide([
          FetchHttpClient.layer,
          HttpApiMiddleware.layerClient(AdminAuthorization, ({ next, request }) =>
            next(HttpClientRequest.bearerToken(request, adminKey))
          )
        ])
      )
      return {
        ask: (question) =>
          question({ ...admin, ...clients }).pipe(
            Effect.mapError((error) => new CommandError({ message: messageOf(error, url) }))
          )
      }
    })
  )
}

const messageOf = (error: unknown, url: string): string => {
  if (HttpClientError.isHttpClientError(error)) {
    return error.response === undefined ? silent(url) : foreign(url, error.response.status)
  }
  if (error instanceof AuthError) return `${url} refuses the admin key: ${error.message}`
  if (error instanceof ValidationError || error instanceof InternalError) return error.message
  return foreign(url)
}
