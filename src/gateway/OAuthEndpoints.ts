import { Effect, Redacted } from "effect"
import { HttpRouter, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { bearerToken } from "../auth/Authorization.ts"
import type { AccessTokenClaims } from "../auth/AccessTokenClaims.ts"
import { Settings } from "../config/Settings.ts"
import { ValidationError } from "../domain/Errors.ts"
import type { ClientCredentials } from "../oauth/ClientAuthentication.ts"
import { Introspection } from "../oauth/Introspection.ts"
import { endpoints, resourceMetadata, serverMetadata } from "../oauth/Metadata.ts"
import { oauthError } from "../oauth/OAuthError.ts"
import { Registration, type Registered } from "../oauth/Registration.ts"
import { scopeText } from "../oauth/Scopes.ts"
import { TokenRequests } from "../oauth/TokenRequests.ts"
import { TokenRevocation } from "../oauth/TokenRevocation.ts"
import { readForm } from "./FormBody.ts"
import { answered, oauthAnswer } from "./OAuthAnswers.ts"
import { readJson } from "./RequestBody.ts"
import { CurrentRequest } from "./RequestContext.ts"

export const serverMetadataPath = "/.well-known/oauth-authorization-server"
export const resourceMetadataPath = "/.well-known/oauth-protected-resource"

/** Those that machines call, for the table of routes and for CORS. */
export const oauthEndpoints: ReadonlyArray<readonly [method: string, path: string]> = [
  ["GET", serverMetadataPath],
  ["GET", resourceMetadataPath],
  ["GET", `${resourceMetadataPath}/v1`],
  ["POST", endpoints.token],
  ["POST", endpoints.revocation],
  ["POST", endpoints.introspection],
  ["POST", endpoints.registration],
  ["GET", `${endpoints.registration}/:id`],
  ["PUT", `${endpoints.registration}/:id`],
  ["DELETE", `${endpoints.registration}/:id`]
]

/** What a client says of itself is short. */
const mostMetadataBytes = 64 * 1024

export const OAuthEndpoints = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const { clientRegistration, publicUrl } = yield* Settings
    const tokenRequests = yield* TokenRequests
    const revocation = yield* TokenRevocation
    const introspection = yield* Introspection
    const registration = yield* Registration

    const metadata = (body: object) =>
      Effect.succeed(oauthAnswer(body, { headers: { "cache-control": "public, max-age=3600" } }))
    yield* router.add("GET", serverMetadataPath, metadata(serverMetadata(publicUrl, clientRegistration === "open")))
    yield* router.add("GET", resourceMetadataPath, metadata(resourceMetadata(publicUrl, publicUrl)))
    yield* router.add("GET", `${resourceMetadataPath}/v1`, metadata(resourceMetadata(publicUrl, `${publicUrl}/v1`)))

    const credentials = Effect.fnUntraced(function* (request: HttpServerRequest.HttpServerRequest) {
      const { parameters } = yield* readForm(request)
      const { ip } = yield* CurrentRequest
      return { authorization: request.headers["authorization"], parameters, address: ip } satisfies ClientCredentials
    })

    yield* router.add("POST", endpoints.token, (request) =>
      answered(
        request,
        Effect.map(Effect.flatMap(credentials(request), tokenRequests.exchange), ({ expiresInSeconds, scope, token }) =>
          oauthAnswer({
            access_token: Redacted.value(token),
            token_type: "Bearer",
            expires_in: expiresInSeconds,
            scope
          })
        )
      )
    )

    yield* router.add("POST", endpoints.revocation, (request) =>
      answered(
        request,
        Effect.as(
          Effect.flatMap(credentials(request), revocation.revoke),
          HttpServerResponse.empty({ status: 200, headers: { "cache-control": "no-store" } })
        )
      )
    )

    yield* router.add("POST", endpoints.introspection, (request) =>
      answered(
        request,
        Effect.map(Effect.flatMap(credentials(request), introspection.introspect), (claims) =>
          oauthAnswer(claims === undefined ? { active: false } : introspected(claims, publicUrl))
        )
      )
    )

    /** RFC 7591, section 3.2.2: what is no JSON is metadata that cannot be read. */
    const sentMetadata = (request: HttpServerRequest.HttpServerRequest) =>
      Effect.mapError(readJson(request, mostMetadataBytes), (error) =>
        error instanceof ValidationError && error.reason === "body_too_large"
          ? error
          : oauthError("invalid_client_metadata", "The body must be a JSON object")
      )

    yield* router.add("POST", endpoints.registration, (request) =>
      answered(
        request,
        Effect.gen(function* () {
          const { ip } = yield* CurrentRequest
          if (clientRegistration === "closed") yield* registration.register({ metadata: undefined, address: ip })
          const registered = yield* registration.register({ metadata: yield* sentMetadata(request), address: ip })
          return oauthAnswer(registeredBody(registered, publicUrl), { status: 201 })
        })
      )
    )

    const ownToken = (request: HttpServerRequest.HttpServerRequest): string | undefined => {
      const token = bearerToken(request.headers["authorization"])
      return typeof token === "string" ? token : undefined
    }
    const clientId = Effect.map(HttpRouter.params, ({ id = "" }) => id)
    const place = `${endpoints.registration}/:id` as const

    yield* router.add("GET", place, (request) =>
      answered(
        request,
        Effect.map(
          Effect.flatMap(clientId, (id) => registration.read(id, ownToken(request))),
          (registered) => oauthAnswer(registeredBody(registered, publicUrl))
        )
      )
    )

    yield* router.add("PUT", place, (request) =>
      answered(
        request,
        Effect.gen(function* () {
          const metadata = yield* sentMetadata(request)
          const registered = yield* registration.replace(yield* clientId, ownToken(request), metadata)
          return oauthAnswer(registeredBody(registered, publicUrl))
        })
      )
    )

    yield* router.add("DELETE", place, (request) =>
      answered(
        request,
        Effect.as(
          Effect.flatMap(clientId, (id) => registration.remove(id, ownToken(request))),
          HttpServerResponse.empty({ status: 204, headers: { "cache-control": "no-store" } })
        )
      )
    )
  })
)

/** RFC 7662, section 2.2. */
const introspected = (claims: AccessTokenClaims, issuer: string) => ({
  active: true,
  scope: scopeText(claims.scopes),
  client_id: claims.clientId,
  token_type: "Bearer",
  exp: claims.expiresAt / 1000,
  iat: claims.issuedAt / 1000,
  sub: claims.userId,
  aud: claims.resources.length === 1 ? claims.resources[0] : claims.resources,
  iss: issuer,
  jti: claims.tokenId
})

/** RFC 7591, section 3.2.1, and RFC 7592, section 3. */
const registeredBody = ({ client, registrationToken, secret }: Registered, publicUrl: string) => ({
  client_id: client.id,
  client_id_issued_at: Math.floor(client.createdAt / 1000),
  ...(secret !== undefined && { client_secret: Redacted.value(secret), client_secret_expires_at: 0 }),
  client_name: client.name,
  redirect_uris: client.redirectUris,
  grant_types: ["authorization_code"],
  response_types: ["code"],
  token_endpoint_auth_method: client.authMethods[0],
  scope: scopeText(client.scopes),
  ...(registrationToken !== undefined && { registration_access_token: Redacted.value(registrationToken) }),
  registration_client_uri: `${publicUrl}${endpoints.registration}/${client.id}`
})
