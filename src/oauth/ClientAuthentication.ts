import { Context, Effect, Layer } from "effect"
import type { InternalError } from "../domain/Errors.ts"
import { Attempts, type Subject } from "./Attempts.ts"
import type { AuthMethod, KnownClient } from "./Client.ts"
import { Clients } from "./Clients.ts"
import { OAuthError, oauthError, repeatedParameter } from "./OAuthError.ts"
import type { RequestParameters } from "./RequestParameters.ts"
import { drawSecret, hashSecret, isSecretOf } from "./Secret.ts"

/** What a client sends to show who it is. */
export interface ClientCredentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined
  readonly parameters: RequestParameters
  /** Where it comes from: who fails too often from one place has to wait there. */
  readonly address: string
}

/** Which client asks the token, revocation or introspection endpoint (RFC 6749, section 2.3). */
export class ClientAuthentication extends Context.Service<
  ClientAuthentication,
  {
    readonly authenticate: (credentials: ClientCredentials) => Effect.Effect<KnownClient, OAuthError | InternalError>
  }
>()("xrouter/oauth/ClientAuthentication") {
  static readonly layer = Layer.effect(
    ClientAuthentication,
    Effect.gen(function* () {
      const clients = yield* Clients
      const attempts = yield* Attempts

      const authenticate = Effect.fn("ClientAuthentication.authenticate")(function* (credentials: ClientCredentials) {
        const presented = present(credentials)
        if (presented instanceof OAuthError) return yield* presented
        const known = yield* clients.find(presented.clientId)
        if (presented.method === "none") {
          return known?.client.authMethods.includes("none") === true ? known : yield* invalidClient
        }
        const subjects: ReadonlyArray<Subject> = [
          { name: `client ${presented.clientId} from ${credentials.address}`, free: freeAttempts }
        ]
        yield* Effect.catchTag(attempts.check(subjects), "TooManyAttempts", tooMany)
        const isRight = presented.secrets.some((secret) => isSecretOf(secret, known?.secretHash ?? nobody))
        if (known !== undefined && isRight && known.client.authMethods.includes(presented.method)) return known
        yield* Effect.catchTag(attempts.begin(subjects), "TooManyAttempts", tooMany)
        return yield* invalidClient
      })

      return ClientAuthentication.of({ authenticate })
    })
  )
}

const freeAttempts = 20

/** What the secret of an unknown client is compared with, so that it takes as long. */
const nobody = hashSecret(drawSecret())

const invalidClient = oauthError("invalid_client", "Client authentication failed")

const tooMany = ({ retryAfterMillis }: { readonly retryAfterMillis: number }) =>
  Effect.fail(
    new OAuthError({ error: "slow_down", description: "Too many attempts failed; try again later", retryAfterMillis })
  )

type Presented =
  | { readonly method: "none"; readonly clientId: string }
  | {
      readonly method: Exclude<AuthMethod, "none">
      readonly clientId: string
      /** As the client may have meant it: decoded as RFC 6749 wants it, or as it was sent. */
      readonly secrets: ReadonlyArray<string>
    }

const present = ({ authorization, parameters }: ClientCredentials): Presented | OAuthError => {
  if (parameters.repeated.includes("client_id") || parameters.repeated.includes("client_secret")) {
    return repeatedParameter
  }
  const clientId = parameters.get("client_id")
  const secret = parameters.get("client_secret")
  if (parameters.get("client_assertion") !== undefined) return invalidClient
  if (authorization === undefined) {
    if (clientId === undefined) return oauthError("invalid_client", "client_id is missing")
    return secret === undefined
      ? { method: "none", clientId }
      : { method: "client_secret_post", clientId, secrets: [secret] }
  }
  if (secret !== undefined) return oauthError("invalid_request", "The client authenticates in two ways at once")
  const basic = readBasic(authorization)
  if (basic === undefined) return invalidClient
  if (clientId !== undefined && clientId !== basic.clientId) {
    return oauthError("invalid_request", "client_id is not the one of the Authorization header")
  }
  return { method: "client_secret_basic", ...basic }
}

/**
 * Id and secret are form-encoded each by itself before they are joined (RFC 6749, section 2.3.1), which some clients do and some do
 * not; where that makes a difference both are tried.
 */
const readBasic = (authorization: string) => {
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization.trim()) ?? []
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, "base64").toString()
  const colon = text.indexOf(":")
  if (colon < 1) return undefined
  const raw = text.slice(colon + 1)
  return {
    clientId: formDecoded(text.slice(0, colon)),
    secrets: [...new Set([formDecoded(raw), raw])]
  }
}

/** As a form's value is decoded; what is no valid encoding stays. */
const formDecoded = (text: string): string => new URLSearchParams(`v=${text.replaceAll("&", "%26")}`).get("v") ?? text
