import { Layer } from "effect"
import { endpoints } from "../oauth/Metadata.ts"
import { OAuthAccount } from "./OAuthAccount.ts"
import { OAuthAuthorize } from "./OAuthAuthorize.ts"
import { OAuthEndpoints, oauthEndpoints } from "./OAuthEndpoints.ts"
import { accountPath, loginPath, logoutPath, signUpPath } from "./OAuthPaths.ts"
import { OAuthSignIn } from "./OAuthSignIn.ts"
import { OAuthSignUp } from "./OAuthSignUp.ts"

/** The authorization server over HTTP: what browsers are shown, and what machines call. */
export const OAuthRoutes = Layer.mergeAll(OAuthEndpoints, OAuthAuthorize, OAuthSignIn, OAuthSignUp, OAuthAccount)

/** All of it, for the table of routes. */
export const oauthRoutes: ReadonlyArray<readonly [method: string, path: string]> = [
  ...oauthEndpoints,
  ["GET", endpoints.authorization],
  ["POST", endpoints.authorization],
  ["GET", loginPath],
  ["POST", loginPath],
  ["POST", logoutPath],
  ["GET", signUpPath],
  ["POST", signUpPath],
  ["GET", accountPath],
  ["POST", accountPath]
]
