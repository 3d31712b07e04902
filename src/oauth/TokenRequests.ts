import { Context, Duration, Effect, Layer, type Redacted } from "effect"
import { Settings } from "../config/Settings.ts"
import type { InternalError } from "../domain/Errors.ts"
import { ClientAuthentication, type ClientCredentials } from "./ClientAuthentication.ts"
import { Codes, type RedeemedCode } from "./Codes.ts"
import { Grants } from "./Grants.ts"
import { type OAuthError, oauthError } from "./OAuthError.ts"
import { isVerifier, verifies } from "./Pkce.ts"
import type { RequestParameters } from "./RequestParameters.ts"
import { onlyResourceIsRepeated, resourcesAreOurs, resourcesNamed } from "./ResourceParameters.ts"
import { type Resources, resourcesOf } from "./Resources.ts"
import { isWithin, scopeText } from "./Scopes.ts"
import { Tokens } from "./Tokens.ts"

/** RFC 6749, section 5.1. */
export interface TokenAnswer {
  readonly token: Redacted.Redacted
  readonly expiresInSeconds: number
  readonly scope: string
}

/** A code and its verifier against an access token (RFC 6749, section 4.1.3; RFC 7636, section 4.5). */
export class TokenRequests extends Context.Service<
  TokenRequests,
  {
    readonly exchange: (credentials: ClientCredentials) => Effect.Effect<TokenAnswer, OAuthError | InternalError>
  }
>()("xrouter/oauth/TokenRequests") {
  static readonly layer = Layer.effect(
    TokenRequests,
    Effect.gen(function* () {
      const authentication = yield* ClientAuthentication
      const codes = yield* Codes
      const grants = yield* Grants
      const tokens = yield* Tokens
      const resources = resourcesOf((yield* Settings).publicUrl)

      const exchange = Effect.fn("TokenRequests.exchange")(function* (credentials: ClientCredentials) {
        const { parameters } = credentials
        for (const check of checksOfRequest) {
          const fault = check(parameters, resources)
          if (fault !== undefined) return yield* fault
        }
        const { client } = yield* authentication.authenticate(credentials)
        // From here on the code is spent, whatever else is wrong: it was presented by the client that it is for.
        const redeemed = yield* codes.redeem(parameters.get("code") ?? "", client.id)
        if (redeemed === undefined) return yield* invalidGrant
        for (const check of checksOfCode) {
          const fault = check(parameters, redeemed, resources)
          if (fault === undefined) continue
          yield* grants.revokeWhere({ id: redeemed.grantId })
          return yield* fault
        }
        const issued = yield* tokens.issue({
          redeemed,
          clientId: client.id,
          resources: resourcesNamed(parameters, resources, redeemed.resources)
        })
        if (issued === undefined) return yield* invalidGrant
        return {
          token: issued.token,
          expiresInSeconds: Duration.toSeconds(issued.lifetime),
          scope: scopeText(issued.claims.scopes)
        }
      })

      return TokenRequests.of({ exchange })
    })
  )
}

type RequestCheck = (parameters: RequestParameters, resources: Resources) => OAuthError | undefined

const grantIsCode: RequestCheck = (parameters) => {
  const type = parameters.get("grant_type")
  if (type === undefined) return oauthError("invalid_request", "grant_type is missing")
  return type === "authorization_code"
    ? undefined
    : oauthError("unsupported_grant_type", "grant_type must be authorization_code")
}

const codeIsThere: RequestCheck = (parameters) =>
  parameters.get("code") === undefined ? oauthError("invalid_request", "code is missing") : undefined

const verifierIsWellFormed: RequestCheck = (parameters) => {
  const verifier = parameters.get("code_verifier")
  if (verifier === undefined) return oauthError("invalid_grant", "code_verifier is missing (PKCE)")
  return isVerifier(verifier)
    ? undefined
    : oauthError("invalid_grant", "code_verifier must be 43 to 128 unreserved characters")
}

/** What can be told of a request before anybody is asked. */
const checksOfRequest: ReadonlyArray<RequestCheck> = [
  onlyResourceIsRepeated,
  grantIsCode,
  codeIsThere,
  verifierIsWellFormed,
  resourcesAreOurs
]

type CodeCheck = (parameters: RequestParameters, redeemed: RedeemedCode, resources: Resources) => OAuthError | undefined

/** Not compared as registered: the code is for where it was sent, a loopback client's port included. OAuth 2.1 leaves it out. */
const redirectUriIsTheSame: CodeCheck = (parameters, { redirectUri }) =>
  (parameters.get("redirect_uri") ?? redirectUri) === redirectUri ? undefined : invalidGrant

const verifierFits: CodeCheck = (parameters, { codeChallenge }) =>
  verifies(parameters.get("code_verifier") ?? "", codeChallenge) ? undefined : invalidGrant

const resourcesWereAskedFor: CodeCheck = (parameters, redeemed, resources) =>
  isWithin(resourcesNamed(parameters, resources, redeemed.resources), redeemed.resources)
    ? undefined
    : oauthError("invalid_target", "resource is more than the user was asked for")

const checksOfCode: ReadonlyArray<CodeCheck> = [redirectUriIsTheSame, verifierFits, resourcesWereAskedFor]

/** The same for each: a code that is unknown, another client's, spent or too old, and a verifier that does not fit. */
const invalidGrant = oauthError("invalid_grant", "The code is not valid, was used before, or is not for this request")
