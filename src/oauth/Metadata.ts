import { scopes } from "../domain/Principal.ts"
import { authMethods } from "./Client.ts"

/** Where the authorization server's endpoints are, below the public URL. */
export const endpoints = {
  authorization: "/authorize",
  token: "/token",
  revocation: "/revoke",
  introspection: "/introspect",
  registration: "/register"
} as const

/** RFC 8414, section 2. What there is not is not named: no key set, since a shared secret is never published. */
export const serverMetadata = (publicUrl: string, isRegistrationOpen: boolean) => ({
  issuer: publicUrl,
  authorization_endpoint: publicUrl + endpoints.authorization,
  token_endpoint: publicUrl + endpoints.token,
  ...(isRegistrationOpen && { registration_endpoint: publicUrl + endpoints.registration }),
  revocation_endpoint: publicUrl + endpoints.revocation,
  introspection_endpoint: publicUrl + endpoints.introspection,
  scopes_supported: scopes,
  response_types_supported: ["code"],
  response_modes_supported: ["query"],
  grant_types_supported: ["authorization_code"],
  token_endpoint_auth_methods_supported: authMethods,
  revocation_endpoint_auth_methods_supported: authMethods,
  introspection_endpoint_auth_methods_supported: authMethods.filter((method) => method !== "none"),
  code_challenge_methods_supported: ["S256"],
  authorization_response_iss_parameter_supported: true,
  service_documentation: `${publicUrl}/docs`
})

/** RFC 9728, section 2. */
export const resourceMetadata = (publicUrl: string, resource: string) => ({
  resource,
  authorization_servers: [publicUrl],
  scopes_supported: scopes,
  bearer_methods_supported: ["header"]
})
