import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"

/**
 * A value that a tool's JSON Schema admits, always the same: required properties only, the text where a string is asked for,
 * the smallest number, the first choice. Covers what tools use (types, `enum`, `const`, bounds, `$ref` into the same schema,
 * unions); patterns and conditions are beyond it.
 */
export const example = (schema: Json | undefined, text: string): Json =>
  exampleOf({ root: schema, text, values: 0 }, schema, 0)

interface Source {
  readonly root: Json | undefined
  readonly text: string
  /** Made so far. */
  values: number
}

/** A recursive schema is cut here, and one that would fill the memory there: a caller wrote it. */
const deepest = 16
const mostValues = 1000

const exampleOf = (source: Source, schema: Json | undefined, depth: number): Json => {
  if (!isJsonObject(schema) || depth > deepest || ++source.values > mostValues) return {}
  if (typeof schema["$ref"] === "string") return exampleOf(source, pointed(source.root, schema["$ref"]), depth + 1)
  if (schema["const"] !== undefined) return schema["const"]
  const choice = list(schema["enum"])[0]
  if (choice !== undefined) return choice
  const union = firstThat(isNotNull, [...list(schema["anyOf"]), ...list(schema["oneOf"])])
  if (union !== undefined) return exampleOf(source, union, depth + 1)
  const parts = list(schema["allOf"])
  if (parts.length > 0) {
    const { allOf: _, ...rest } = schema
    return merged([rest, ...parts].map((part) => exampleOf(source, part, depth + 1)))
  }
  switch (typeOf(schema)) {
    case "string":
      return stringOf(schema, source.text)
    case "integer":
      return numberOf(schema, 1)
    case "number":
      return numberOf(schema, undefined)
    case "boolean":
      return true
    case "null":
      return null
    case "array":
      return Array.from({ length: count(schema["minItems"]) }, () => exampleOf(source, schema["items"], depth + 1))
    default:
      return objectOf(source, schema, depth)
  }
}

const objectOf = (source: Source, schema: JsonObject, depth: number): JsonObject => {
  const properties = isJsonObject(schema["properties"]) ? schema["properties"] : {}
  const required = list(schema["required"]).filter((name) => typeof name === "string")
  return Object.fromEntries(required.map((name) => [name, exampleOf(source, properties[name], depth + 1)]))
}

const samples = new Map([
  ["date-time", "2000-01-01T00:00:00Z"],
  ["date", "2000-01-01"],
  ["time", "00:00:00Z"],
  ["duration", "PT1H"],
  ["email", "someone@example.com"],
  ["hostname", "example.com"],
  ["ipv4", "192.0.2.1"],
  ["ipv6", "2001:db8::1"],
  ["uri", "https://example.com/"],
  ["uuid", "00000000-0000-4000-8000-000000000000"]
])

/** Lengths are in code points, as JSON Schema counts them. */
const stringOf = (schema: JsonObject, text: string): string => {
  const sample = typeof schema["format"] === "string" ? samples.get(schema["format"]) : undefined
  if (sample !== undefined) return sample
  const letters = [...text]
  const most = typeof schema["maxLength"] === "number" ? schema["maxLength"] : letters.length
  const cut = letters.slice(0, most)
  return cut.join("") + ".".repeat(Math.max(0, count(schema["minLength"]) - cut.length))
}

/** The smallest number allowed, or near 1 where there is no lower bound; on the grid of `multipleOf`, or of the whole numbers. */
const numberOf = (schema: JsonObject, grid: number | undefined): number => {
  const multiple = numeric(schema["multipleOf"]) ?? 0
  const step = multiple > 0 ? multiple : grid
  const least = numeric(schema["minimum"])
  const above = numeric(schema["exclusiveMinimum"])
  const most = numeric(schema["maximum"])
  const below = numeric(schema["exclusiveMaximum"])
  const low = least ?? above
  const high = most ?? below
  if (step === undefined) {
    if (least !== undefined) return least
    if (above !== undefined) return high === undefined ? above + 1 : (above + high) / 2
    return Math.min(1, most ?? 1, below === undefined ? 1 : below - 1)
  }
  if (low !== undefined) {
    const next = Math.ceil(low / step) * step
    return least === undefined && next === low ? next + step : next
  }
  const first = Math.ceil(1 / step) * step
  if (high === undefined || high > first) return first
  const last = Math.floor(high / step) * step
  return most === undefined && last === high ? last - step : last
}

/** The first type that is not `null`; a schema without a type is told by its keywords. */
const typeOf = (schema: JsonObject): Json | undefined => {
  const types = Array.isArray(schema["type"]) ? list(schema["type"]) : [schema["type"]]
  return (
    types.find((type) => type !== "null" && type !== undefined) ??
    types[0] ??
    (schema["items"] === undefined ? "object" : "array")
  )
}

const pointed = (root: Json | undefined, reference: string): Json | undefined => {
  if (!reference.startsWith("#")) return undefined
  const steps = reference.split("/").slice(1)
  return steps.reduce<Json | undefined>((node, step) => {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~")
    if (Array.isArray(node)) return list(node)[Number(name)]
    return isJsonObject(node) ? node[name] : undefined
  }, root)
}

const merged = (values: ReadonlyArray<Json>): Json => {
  const objects = values.filter(isJsonObject)
  return objects.length === values.length
    ? Object.fromEntries(objects.flatMap((object) => Object.entries(object)))
    : (values.find((value) => !isJsonObject(value)) ?? {})
}

const isNotNull = (schema: Json) => !(isJsonObject(schema) && schema["type"] === "null")
const firstThat = (holds: (value: Json) => boolean, values: ReadonlyArray<Json>) => values.find(holds) ?? values[0]
const list = (value: Json | undefined): ReadonlyArray<Json> => (Array.isArray(value) ? value : [])
const numeric = (value: Json | undefined) => (typeof value === "number" ? value : undefined)
const count = (value: Json | undefined) => (typeof value === "number" && value > 0 ? Math.min(value, 100) : 0)
