import { oauthError, repeatedParameter } from "./OAuthError.ts"
import type { RequestParameters } from "./RequestParameters.ts"
import type { Resources } from "./Resources.ts"

/** The parameter `resource` of RFC 8707, section 2, which the authorization and the token endpoint read alike. */

/** It alone may be sent more than once, once for each. */
export const onlyResourceIsRepeated = ({ repeated }: RequestParameters) =>
  repeated.every((name) => name === "resource") ? undefined : repeatedParameter

export const resourcesAreOurs = (parameters: RequestParameters, resources: Resources) =>
  parameters.all("resource").every((text) => resources.find(text) !== undefined)
    ? undefined
    : oauthError("invalid_target", "resource is none of this server")

/** Those that the request names, by their own names; these where it names none. */
export const resourcesNamed = (
  parameters: RequestParameters,
  resources: Resources,
  otherwise: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const named = parameters.all("resource").flatMap((text) => resources.find(text) ?? [])
  return named.length === 0 ? otherwise : [...new Set(named)]
}
