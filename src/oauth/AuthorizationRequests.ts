import { Context, Effect, Layer } from "effect"
import { Settings } from "../config/Settings.ts"
import type { InternalError } from "../domain/Errors.ts"
import type { Scope } from "../domain/Principal.ts"
import { type AuthorizationRequest, RefusedOnPage, RefusedToClient } from "./AuthorizationRequest.ts"
import type { Client } from "./Client.ts"
import { Clients } from "./Clients.ts"
import { type OAuthError, oauthError } from "./OAuthError.ts"
import { isChallenge } from "./Pkce.ts"
import { findRedirectUri, stateText } from "./RedirectUri.ts"
import type { RequestParameters } from "./RequestParameters.ts"
import { onlyResourceIsRepeated, resourcesAreOurs, resourcesNamed } from "./ResourceParameters.ts"
import { type Resources, resourcesOf } from "./Resources.ts"
import { defaultScopes, isWithin, parseScopes } from "./Scopes.ts"

/** Tells authorization requests that are in order from those that are not, and where the others are answered. */
export class AuthorizationRequests extends Context.Service<
  AuthorizationRequests,
  {
    readonly read: (
      parameters: RequestParameters
    ) => Effect.Effect<AuthorizationRequest, RefusedOnPage | RefusedToClient | InternalError>
  }
>()("xrouter/oauth/AuthorizationRequests") {
  static readonly layer = Layer.effect(
    AuthorizationRequests,
    Effect.gen(function* () {
      const clients = yield* Clients
      const resources = resourcesOf((yield* Settings).publicUrl)

      const read = Effect.fn("AuthorizationRequests.read")(function* (parameters: RequestParameters) {
        const { client, redirectUri } = yield* recipient(parameters)
        const raw = parameters.raw("state")
        const state = raw === undefined ? undefined : stateText(raw)
        for (const check of checks) {
          const fault = check({ parameters, client, resources })
          if (fault !== undefined) {
            const { error, description } = fault
            return yield* new RefusedToClient({ redirectUri, state, error, description })
          }
        }
        return {
          client,
          redirectUri,
          state,
          codeChallenge: parameters.get("code_challenge") ?? "",
          scopes: scopesOf(parameters, client) ?? [],
          resources: resourcesNamed(parameters, resources, [resources.usual]),
          prompt: promptOf(parameters)
        } satisfies AuthorizationRequest
      })

      /** Who asks, and where the answer goes: until both are certain nothing is sent anywhere. */
      const recipient = Effect.fnUntraced(function* (parameters: RequestParameters) {
        if (["client_id", "redirect_uri"].some((name) => parameters.repeated.includes(name))) {
          return yield* new RefusedOnPage({ reason: "repeated_parameter" })
        }
        const known = yield* clients.find(parameters.get("client_id") ?? "")
        if (known === undefined) return yield* new RefusedOnPage({ reason: "unknown_client" })
        const redirectUri = parameters.get("redirect_uri")
        if (redirectUri === undefined) return yield* new RefusedOnPage({ reason: "redirect_uri_missing" })
        if (findRedirectUri(known.client.redirectUris, redirectUri) === undefined) {
          return yield* new RefusedOnPage({ reason: "redirect_uri_unknown" })
        }
        return { client: known.client, redirectUri }
      })

      return AuthorizationRequests.of({ read })
    })
  )
}

interface Asked {
  readonly parameters: RequestParameters
  readonly client: Client
  readonly resources: Resources
}

type Check = (asked: Asked) => OAuthError | undefined

const noRequestObject: Check = ({ parameters }) => {
  if (parameters.get("request") !== undefined) {
    return oauthError("request_not_supported", "A request object is not supported")
  }
  return parameters.get("request_uri") === undefined
    ? undefined
    : oauthError("request_uri_not_supported", "A request_uri is not supported")
}

const responseIsCode: Check = ({ parameters }) => {
  const type = parameters.get("response_type")
  if (type === undefined) return oauthError("invalid_request", "response_type is missing")
  return type === "code" ? undefined : oauthError("unsupported_response_type", "response_type must be code")
}

const responseComesInQuery: Check = ({ parameters }) =>
  (parameters.get("response_mode") ?? "query") === "query"
    ? undefined
    : oauthError("invalid_request", "response_mode must be query")

const challengeIsThere: Check = ({ parameters }) =>
  parameters.get("code_challenge") === undefined
    ? oauthError("invalid_request", "code challenge required: code_challenge is missing (PKCE)")
    : undefined

const methodIsS256: Check = ({ parameters }) =>
  parameters.get("code_challenge_method") === "S256"
    ? undefined
    : oauthError("invalid_request", "code_challenge_method must be S256")

const challengeIsWellFormed: Check = ({ parameters }) =>
  isChallenge(parameters.get("code_challenge") ?? "")
    ? undefined
    : oauthError("invalid_request", "code_challenge must be a SHA-256 in base64url, 43 characters")

const scopesAreTheClients: Check = ({ parameters, client }) => {
  const scopes = scopesOf(parameters, client)
  return scopes !== undefined && scopes.length > 0 && isWithin(scopes, client.scopes)
    ? undefined
    : oauthError("invalid_scope", "scope names something unknown or not allowed to this client")
}

const promptIsKnown: Check = ({ parameters }) => {
  const values = (parameters.get("prompt") ?? "login").split(" ")
  const isKnown = values.every((value) => ["none", "login", "consent", "select_account"].includes(value))
  return isKnown && (values.length === 1 || !values.includes("none"))
    ? undefined
    : oauthError("invalid_request", "prompt has an unknown value, or none beside another")
}

/** In the order in which a client is told of them. */
const checks: ReadonlyArray<Check> = [
  ({ parameters }) => onlyResourceIsRepeated(parameters),
  noRequestObject,
  responseIsCode,
  responseComesInQuery,
  challengeIsThere,
  methodIsS256,
  challengeIsWellFormed,
  scopesAreTheClients,
  ({ parameters, resources }) => resourcesAreOurs(parameters, resources),
  promptIsKnown
]

const scopesOf = (parameters: RequestParameters, client: Client): ReadonlyArray<Scope> | undefined => {
  const text = parameters.get("scope")
  if (text !== undefined) return parseScopes(text)
  return isWithin(defaultScopes, client.scopes) ? defaultScopes : client.scopes
}

const promptOf = (parameters: RequestParameters): AuthorizationRequest["prompt"] => {
  const values = parameters.get("prompt")?.split(" ") ?? []
  if (values.includes("none")) return "none"
  if (values.includes("login") || values.includes("select_account")) return "login"
  return values.includes("consent") ? "consent" : undefined
}
