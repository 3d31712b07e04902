import { isJsonObject, type Json, type JsonObject } from "../domain/Json.ts"

/**
 * An OpenAPI document whose objects may have more fields than it names: a chat request passes on what it does not know, and an
 * answer may grow. Effect closes every object; only the components named here stay so, because their fields are counted.
 */
export const openObjects =
  (closed: ReadonlySet<string>) =>
  (document: JsonObject): JsonObject =>
    opened(document, closed)

const opened = (object: JsonObject, closed: ReadonlySet<string>): JsonObject => {
  const result: Record<string, Json | undefined> = {}
  for (const [key, value] of Object.entries(object)) {
    if (key === "additionalProperties" && value === false) continue
    result[key] = value === undefined || closed.has(key) ? value : inside(value, closed)
  }
  return result
}

const inside = (value: Json, closed: ReadonlySet<string>): Json => {
  if (isJsonObject(value)) return opened(value, closed)
  return Array.isArray(value) ? value.map((item: Json) => inside(item, closed)) : value
}
