import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { elements } from "../JsonText.ts"

/** Where a schema stands: the references that led to it, and how deep it is. */
export interface Place {
  readonly trail: ReadonlyArray<string>
  readonly depth: number
}

/** A schema's own words, with nothing in them that points to another schema or joins several. */
export interface Plain {
  readonly fields: JsonObject
  readonly trail: ReadonlyArray<string>
  /** What those words do not say any more, for the description. */
  readonly notes: ReadonlyArray<string>
  readonly isNullable: boolean
}

/** Most schemas that one schema may unfold to: references double with each level, if somebody means it. */
const mostSchemas = 2000
const mostDepth = 64

/** One walk through a schema: what its references point into, and how much it may still unfold to. */
export class SchemaWalk {
  private readonly root: JsonObject
  private left = mostSchemas

  constructor(root: JsonObject) {
    this.root = root
  }

  /** It was given up on the way, and what came of it is not whole. */
  get isTooLarge(): boolean {
    return this.left < 0
  }

  /** References followed, `allOf` joined, of `anyOf` and `oneOf` the first variant that is not null. */
  plain(schema: Json | undefined, { depth, trail }: Place): Plain {
    this.left = depth > mostDepth ? -1 : this.left - 1
    if (this.left < 0 || !isJsonObject(schema)) return { ...nothing, trail }
    const { $ref, allOf, anyOf, oneOf, ...fields } = schema
    let plain: Plain = { ...nothing, fields, trail }
    const within = (member: Json) => this.plain(member, { trail: plain.trail, depth: depth + 1 })
    if (typeof $ref === "string") {
      plain = trail.includes($ref)
        ? join(plain, { ...nothing, fields: cut, trail, notes: [`Again ${nameOf($ref)}`] })
        : join(plain, this.plain(this.target($ref), { trail: [...trail, $ref], depth: depth + 1 }))
    }
    for (const member of elements(allOf)) plain = join(plain, within(member))
    for (const union of [anyOf, oneOf]) {
      if (Array.isArray(union) && union.length > 0) plain = join(plain, oneOfAll(elements(union).map(within)))
    }
    return plain
  }

  /** What a reference within the schema points to (RFC 6901); one that leads out of it is not followed. */
  private target(ref: string): Json | undefined {
    if (!ref.startsWith("#")) return undefined
    let target: Json | undefined = this.root
    for (const step of ref.slice(1).split("/").slice(1)) {
      const key = step.replaceAll("~1", "/").replaceAll("~0", "~")
      if (Array.isArray(target)) target = target[Number(key)]
      else target = isJsonObject(target) && Object.hasOwn(target, key) ? target[key] : undefined
    }
    return target
  }
}

const nothing: Omit<Plain, "trail"> = { fields: {}, notes: [], isNullable: false }

/** Where a schema would go on for ever. */
const cut: JsonObject = { type: "object", properties: {} }

const nameOf = (ref: string): string => ref.split("/").at(-1) ?? ref

// Unions

/** A union's first variant that is not null; variants that only list values are one list. */
const oneOfAll = (variants: ReadonlyArray<Plain>): Plain => {
  const others = variants.filter(({ fields }) => !isNull(fields))
  const [first, ...rest] = others
  const isNullable = others.length < variants.length || others.some(({ isNullable }) => isNullable)
  if (first === undefined) return { ...nothing, trail: [], isNullable }
  const values = others.map(({ fields }) => valuesOf(fields))
  if (values.every((list) => list !== undefined)) {
    const { const: _, enum: __, type, ...fields } = first.fields
    const isAlike = rest.every((other) => other.fields["type"] === type)
    return { ...first, fields: { ...fields, ...(isAlike ? { type } : {}), enum: values.flat() }, isNullable }
  }
  const told = [...new Set(rest.map(({ fields }) => wordFor(fields)))]
  const notes = told.length === 0 ? [] : [`May also be: ${told.join(", ")}`]
  return { ...first, notes: [...first.notes, ...notes], isNullable }
}

/** `{"type": "null"}` and its other spellings. */
const isNull = (fields: JsonObject): boolean => {
  const { type, const: value } = fields
  return type === "null" || value === null || valuesOf(fields)?.every((each) => each === null) === true
}

/** The values that a schema lists, by `enum` or as its only one. */
export const valuesOf = (fields: JsonObject): ReadonlyArray<Json> | undefined => {
  const listed = fields["enum"]
  if (Array.isArray(listed) && listed.length > 0) return elements(listed)
  return fields["const"] === undefined ? undefined : [fields["const"]]
}

const wordFor = (fields: JsonObject): string => {
  const { title, type } = fields
  if (typeof title === "string") return title
  const values = valuesOf(fields)
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(", ")
  if (typeof type === "string") return type
  return isJsonObject(fields["properties"]) ? "object" : "any value"
}

// Joining

/** Both at once, as `allOf` means it; where only one can be said, the first is. */
const join = (a: Plain, b: Plain): Plain => {
  const fields: Record<string, Json | undefined> = { ...b.fields, ...a.fields }
  for (const key of Object.keys(b.fields)) {
    const [left, right] = [a.fields[key], b.fields[key]]
    if (left !== undefined && right !== undefined) fields[key] = both(key, left, right)
  }
  return {
    fields,
    trail: [...new Set([...a.trail, ...b.trail])],
    notes: [...a.notes, ...b.notes],
    isNullable: a.isNullable || b.isNullable
  }
}

const both = (key: string, left: Json, right: Json): Json => {
  if (key === "properties" && isJsonObject(left) && isJsonObject(right)) return merged(left, right)
  if (key === "required") return [...new Set([...elements(left), ...elements(right)])]
  if (key === "enum") return elements(left).filter((value) => elements(right).includes(value))
  return key === "items" ? { allOf: [left, right] } : left
}

const merged = (left: JsonObject, right: JsonObject): JsonObject => {
  const shared = Object.entries(right).flatMap(([name, schema]) => {
    const own = Object.hasOwn(left, name) ? left[name] : undefined
    return own === undefined || schema === undefined ? [] : [[name, { allOf: [own, schema] }] as const]
  })
  return { ...left, ...right, ...Object.fromEntries(shared) }
}
