import { Effect } from "effect"
import type { AccessTokenClaims } from "../auth/AccessTokenClaims.ts"
import type { AccessTokens } from "../auth/AccessTokens.ts"
import { type OAuthError, oauthError, repeatedParameter } from "./OAuthError.ts"
import type { RequestParameters } from "./RequestParameters.ts"

/**
 * What the token says that a client gives back or asks about, undefined of one that is not ours. There is one type of token: a hint
 * is a hint, and an unknown one is passed over (RFC 7009, section 2.1; RFC 7662, section 2.1).
 */
export const presentedToken = (
  accessTokens: AccessTokens["Service"],
  parameters: RequestParameters
): Effect.Effect<AccessTokenClaims | undefined, OAuthError> => {
  if (parameters.repeated.length > 0) return Effect.fail(repeatedParameter)
  const token = parameters.get("token")
  return token === undefined ? Effect.fail(tokenIsMissing) : accessTokens.read(token)
}

const tokenIsMissing = oauthError("invalid_request", "token is missing")
