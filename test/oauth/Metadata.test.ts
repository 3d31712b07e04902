import { assert, describe, it } from "@effect/vitest"
import { resourceMetadata, serverMetadata } from "../../src/oauth/Metadata.ts"

describe("the metadata", () => {
  it("of the server names what there is, and its issuer byte for byte", () => {
    assert.deepStrictEqual(JSON.parse(JSON.stringify(serverMetadata("https://x.example/gate", true))), {
      issuer: "https://x.example/gate",
      authorization_endpoint: "https://x.example/gate/authorize",
      token_endpoint: "https://x.example/gate/token",
      registration_endpoint: "https://x.example/gate/register",
      revocation_endpoint: "https://x.example/gate/revoke",
      introspection_endpoint: "https://x.example/gate/introspect",
      scopes_supported: ["inference", "keys"],
      response_types_supported: ["code"],
      response_modes_supported: ["query"],
      grant_types_supported: ["authorization_code"],
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
      revocation_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post", "none"],
      introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
      code_challenge_methods_supported: ["S256"],
      authorization_response_iss_parameter_supported: true,
      service_documentation: "https://x.example/gate/docs"
    })
  })

  it("names no registration where it is closed", () => {
    assert.notProperty(serverMetadata("https://x.example", false), "registration_endpoint")
  })

  it("of the resource names the server", () => {
    assert.deepStrictEqual(resourceMetadata("https://x.example", "https://x.example/v1"), {
      resource: "https://x.example/v1",
      authorization_servers: ["https://x.example"],
      scopes_supported: ["inference", "keys"],
      bearer_methods_supported: ["header"]
    })
  })
})
