import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"
import { endpoints } from "../oauth/Metadata.ts"

/** What takes a key takes a token as well, and what takes only a token says for which scope (OpenAPI 3.1, "Security Requirement"). */
const scopeOf: Readonly<Record<string, string>> = { bearer: "inference", token: "keys" }

const flow: JsonObject = {
  authorizationUrl: endpoints.authorization,
  tokenUrl: endpoints.token,
  scopes: { inference: "Call language models", keys: "See, create and revoke the user's API keys" },
  // Read by the page at /docs, so that it can sign in.
  "x-usePkce": "SHA-256"
}

/** An OpenAPI document with the second way in: OAuth's authorization code beside the bearer key. */
export const withOAuth = (document: JsonObject): JsonObject => {
  const components = objectAt(document, "components")
  const { token: _, ...schemes } = objectAt(components, "securitySchemes")
  const oauth2 = {
    type: "oauth2",
    description: "Authorization code with PKCE (S256)",
    flows: { authorizationCode: flow }
  }
  return {
    ...document,
    components: { ...components, securitySchemes: { ...schemes, oauth2 } },
    paths: mapObject(objectAt(document, "paths"), (path) => mapObject(path, secured))
  }
}

const secured = (operation: JsonObject): JsonObject => {
  const { security } = operation
  return Array.isArray(security) ? { ...operation, security: security.flatMap(alternatives) } : operation
}

const alternatives = (requirement: Json): ReadonlyArray<Json> => {
  if (!isJsonObject(requirement)) return [requirement]
  const [name = ""] = Object.keys(requirement)
  const scope = scopeOf[name]
  if (scope === undefined) return [requirement]
  const byToken = { oauth2: [scope] }
  return name === "token" ? [byToken] : [requirement, byToken]
}

const objectAt = (object: JsonObject, name: string): JsonObject => {
  const value = object[name]
  return value !== undefined && isJsonObject(value) ? value : {}
}

const mapObject = (object: JsonObject, change: (value: JsonObject) => JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [
      name,
      value !== undefined && isJsonObject(value) ? change(value) : value
    ])
  )
