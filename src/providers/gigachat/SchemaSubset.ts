import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { elements, filled } from "../JsonText.ts"
import { type Place, type Plain, SchemaWalk, valuesOf } from "./PlainSchema.ts"

/**
 * A JSON Schema in the part of the language that GigaChat takes for functions and answers: each schema has one type, each
 * object its `properties`, each array its `items`; no references, no unions, an `enum` of strings only, three formats.
 * What cannot be said so is told in the description, which the model reads. Done twice, it changes nothing more.
 * Undefined where the schema unfolds to more than 2,000 schemas or nests deeper than 64.
 */
export const inSubset = (schema: JsonObject): JsonObject | undefined => {
  const walk = new SchemaWalk(schema)
  const lowered = lower(walk, walk.plain(schema, start), start, "object")
  return walk.isTooLarge ? undefined : lowered
}

const start: Place = { trail: [], depth: 0 }

const types = ["string", "number", "integer", "boolean", "object", "array"] as const
type Type = (typeof types)[number]

const lower = (walk: SchemaWalk, plain: Plain, { depth }: Place, otherwise?: Type): JsonObject => {
  const { fields } = plain
  const named = [fields["type"]].flat()
  const [told, ...others] = types
    .filter((type) => named.includes(type))
    .sort((a, b) => named.indexOf(a) - named.indexOf(b))
  const values = valuesOf(fields)?.filter((value) => value !== null)
  const type = told ?? typeByWords(fields, values) ?? otherwise
  const isNullable =
    plain.isNullable ||
    named.includes("null") ||
    fields["nullable"] === true ||
    valuesOf(fields)?.includes(null) === true
  const inner: Place = { trail: plain.trail, depth: depth + 1 }
  const child = (schema: Json | undefined) => lower(walk, walk.plain(schema, inner), inner)
  const { notes, words } = wordsOf(type ?? "string", fields, values, child)
  const description = [
    filled(fields["description"]),
    ...plain.notes,
    ...notes,
    ...(others.length === 0 ? [] : [`May also be: ${others.join(", ")}`]),
    ...(type === undefined && !isNullable ? ["Any JSON value"] : []),
    ...(isNullable ? ["May be null"] : [])
  ].filter((line) => line !== undefined)
  return {
    type: type ?? "string",
    ...(description.length === 0 ? {} : { description: description.join("\n") }),
    ...words
  }
}

/** The type of a schema that does not say it. */
const typeByWords = (fields: JsonObject, values: ReadonlyArray<Json> | undefined): Type | undefined => {
  if (isJsonObject(fields["properties"]) || isJsonObject(fields["additionalProperties"])) return "object"
  if (fields["items"] !== undefined || fields["prefixItems"] !== undefined) return "array"
  const [first, ...rest] = new Set((values ?? []).map(typeOf))
  if (rest.length === 1 && [first, ...rest].every((type) => type === "integer" || type === "number")) return "number"
  return rest.length === 0 ? first : "string"
}

const typeOf = (value: Json): Type => {
  if (Array.isArray(value)) return "array"
  switch (typeof value) {
    case "number":
      return Number.isInteger(value) ? "integer" : "number"
    case "boolean":
      return "boolean"
    case "object":
      return "object"
    default:
      return "string"
  }
}

interface Words {
  /** What of the schema can be said beside its type. */
  readonly words: JsonObject
  readonly notes: ReadonlyArray<string>
}

const wordsOf = (
  type: Type,
  fields: JsonObject,
  values: ReadonlyArray<Json> | undefined,
  child: (schema: Json | undefined) => JsonObject
): Words => {
  const isListed = type === "string" && values?.every((value) => typeof value === "string") === true
  const listing =
    values === undefined || values.length === 0 || isListed
      ? []
      : [`One of: ${values.map((value) => JSON.stringify(value)).join(", ")}`]
  switch (type) {
    case "object": {
      const { notes, words } = objectWords(fields, child)
      return { words, notes: [...listing, ...notes] }
    }
    case "array": {
      const { items, prefixItems } = fields
      const first = items !== undefined && !Array.isArray(items) ? items : [prefixItems, items].flatMap(elements)[0]
      return { words: { items: child(first), ...kept(fields, ["minItems", "maxItems"], "number") }, notes: listing }
    }
    case "string": {
      const format = filled(fields["format"])
      const isKnown = format !== undefined && formats.has(format)
      return {
        words: {
          ...(isListed && values.length > 0 ? { enum: [...new Set(values)] } : {}),
          ...(isKnown ? { format } : {}),
          ...kept(fields, ["minLength", "maxLength"], "number"),
          ...kept(fields, ["pattern"], "string")
        },
        notes: format === undefined || isKnown ? listing : [...listing, `Format: ${format}`]
      }
    }
    case "boolean":
      return { words: {}, notes: listing }
    default:
      return { words: kept(fields, ["minimum", "maximum"], "number"), notes: listing }
  }
}

const formats = new Set(["date", "date-time", "time"])

const objectWords = (fields: JsonObject, child: (schema: Json | undefined) => JsonObject): Words => {
  const { additionalProperties, properties, required } = fields
  const own = isJsonObject(properties) ? Object.entries(properties) : []
  const names = new Set(own.map(([name]) => name))
  const wanted = [...new Set(elements(required))].filter((name) => typeof name === "string" && names.has(name))
  const values = isJsonObject(additionalProperties) ? child(additionalProperties) : undefined
  return {
    words: {
      properties: Object.fromEntries(own.map(([name, schema]) => [name, child(schema)])),
      ...(wanted.length === 0 ? {} : { required: wanted })
    },
    notes: values === undefined ? [] : [`Has keys of any name, their values by this schema: ${JSON.stringify(values)}`]
  }
}

const kept = (fields: JsonObject, names: ReadonlyArray<string>, type: "number" | "string"): JsonObject =>
  Object.fromEntries(names.flatMap((name) => (typeof fields[name] === type ? [[name, fields[name]]] : [])))
