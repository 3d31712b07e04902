import { Result } from "effect"
import { isDeepStrictEqual } from "node:util"
import { isJsonObject, type Json, type JsonObject } from "../../domain/Json.ts"
import { elements } from "../JsonText.ts"

/** Both the schema and, by way of the model, the value are a caller's: neither may keep us busy. */
const mostSteps = 20_000
const deepest = 200
/** Words whose lists are gone through for every value, and how many of their elements are one step. */
const listing = ["enum", "required", "type"] as const
const elementsPerStep = { object: 5, other: 100 } as const

/**
 * Holds a value against a JSON Schema: the words of OpenAI's structured outputs, with `allOf`, `oneOf`, `prefixItems` and the
 * limits of numbers, lengths and counts. What else a schema says (`pattern`, `format`, conditions) the model is told of, and it is
 * not checked. Answers the first fault as a sentence, undefined where there is none.
 */
export const schemaFault = (schema: JsonObject, value: Json): string | undefined => {
  const fault = new Check(schema).fault(schema, value, "$", 0)
  return fault === undefined ? undefined : cut(fault, 500)
}

/** The first `$ref` that leads nowhere within the schema. */
export const danglingRef = (schema: JsonObject): string | undefined => {
  const inside = (node: Json | undefined): string | undefined => {
    const nodes: ReadonlyArray<Json | undefined> = Array.isArray(node)
      ? node
      : isJsonObject(node)
        ? Object.values(node)
        : []
    const ref = isJsonObject(node) ? node["$ref"] : undefined
    if (typeof ref === "string" && target(schema, ref) === undefined) return ref
    for (const child of nodes) {
      const found = inside(child)
      if (found !== undefined) return found
    }
    return undefined
  }
  return inside(schema)
}

class Check {
  private readonly root: JsonObject
  private steps = 0
  /** Read once: each may be as long as the whole schema, and be met by every value. */
  private readonly targets = new Map<string, Json | undefined>()
  private readonly briefs = new Map<Json, string>()

  constructor(root: JsonObject) {
    this.root = root
  }

  fault(schema: Json | undefined, value: Json, path: string, depth: number): string | undefined {
    if (schema === undefined) return undefined
    if (++this.steps > mostSteps || depth > deepest) return `${path} is too intricate to be checked`
    if (schema === false) return `${path} must not be there`
    if (!isJsonObject(schema)) return undefined
    for (const word of listing) {
      this.steps += elements(schema[word]).length / elementsPerStep[typeof value === "object" ? "object" : "other"]
    }
    const ref = schema["$ref"]
    return (
      (typeof ref === "string" ? this.fault(this.target(ref), value, path, depth + 1) : undefined) ??
      this.typeFault(schema, value, path) ??
      sizeFault(schema, value, path) ??
      this.variantFault(schema, value, path, depth) ??
      (Array.isArray(value) ? this.itemFault(schema, value, path, depth) : undefined) ??
      (isJsonObject(value) ? this.propertyFault(schema, value, path, depth) : undefined)
    )
  }

  private target(ref: string): Json | undefined {
    if (!this.targets.has(ref)) this.targets.set(ref, target(this.root, ref))
    return this.targets.get(ref)
  }

  private brief(value: Json): string {
    const known = this.briefs.get(value) ?? cut(JSON.stringify(value), 200)
    this.briefs.set(value, known)
    return known
  }

  private typeFault(schema: JsonObject, value: Json, path: string): string | undefined {
    const { type } = schema
    const types = type === undefined ? [] : Array.isArray(type) ? type : [type]
    if (types.length > 0 && !types.some((type) => isOfType(value, type))) {
      return `${path} must be ${types.join(" or ")}, not ${kindOf(value)}`
    }
    const constant = schema["const"]
    if (constant !== undefined && !isSame(value, constant)) return `${path} must be ${this.brief(constant)}`
    const options = schema["enum"]
    if (Array.isArray(options) && !options.some((option) => isSame(value, option))) {
      return `${path} must be one of ${this.brief(options)}`
    }
    return undefined
  }

  private variantFault(schema: JsonObject, value: Json, path: string, depth: number): string | undefined {
    for (const part of elements(schema["allOf"])) {
      const fault = this.fault(part, value, path, depth + 1)
      if (fault !== undefined) return fault
    }
    for (const word of ["anyOf", "oneOf"] as const) {
      const variants = elements(schema[word])
      if (variants.length === 0) continue
      const faults: Array<string> = []
      let fits = 0
      for (const variant of variants) {
        const fault = this.fault(variant, value, path, depth + 1)
        if (fault === undefined) fits++
        else faults.push(fault)
        if (fits > 0 && word === "anyOf") break
      }
      if (fits === 0) return `${path} fits none of the forms it may have (${cut(faults.slice(0, 3).join("; "), 300)})`
      if (fits > 1) return `${path} fits more than one of the forms of which it must have one`
    }
    return undefined
  }

  private itemFault(schema: JsonObject, list: ReadonlyArray<Json>, path: string, depth: number): string | undefined {
    const first = elements(schema["prefixItems"])
    for (const [index, item] of list.entries()) {
      const own = index < first.length ? first[index] : schema["items"]
      const fault = this.fault(own, item, `${path}[${index}]`, depth + 1)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  private propertyFault(schema: JsonObject, value: JsonObject, path: string, depth: number): string | undefined {
    for (const name of elements(schema["required"])) {
      if (typeof name === "string" && !Object.hasOwn(value, name)) return `${path} lacks ${JSON.stringify(name)}`
    }
    const { patternProperties: patterns, properties } = schema
    // Patterns are not checked, so it is not known whom `additionalProperties` is for.
    const others = patterns === undefined ? schema["additionalProperties"] : undefined
    const known: JsonObject = isJsonObject(properties) ? properties : {}
    for (const [name, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      const isKnown = Object.hasOwn(known, name)
      const own = isKnown ? known[name] : others
      if (!isKnown && own === false) return `${path} must not have ${JSON.stringify(name)}`
      const fault = this.fault(own, inner, `${path}.${name}`, depth + 1)
      if (fault !== undefined) return fault
    }
    return undefined
  }
}

/** What a reference within the schema points to (RFC 6901, as a URI's fragment). */
const target = (root: JsonObject, ref: string): Json | undefined => {
  if (ref === "#") return root
  const pointer = Result.try(() => decodeURIComponent(ref))
  if (Result.isFailure(pointer) || !pointer.success.startsWith("#/")) return undefined
  let node: Json | undefined = root
  for (const token of pointer.success.slice(2).split("/")) {
    const key = token.replaceAll("~1", "/").replaceAll("~0", "~")
    if (Array.isArray(node)) node = node[Number(key)]
    else node = isJsonObject(node) && Object.hasOwn(node, key) ? node[key] : undefined
  }
  return node
}

const kindOf = (value: Json): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : typeof value === "object" ? "object" : typeof value

const isOfType = (value: Json, type: Json): boolean =>
  type === "integer" ? Number.isInteger(value) : kindOf(value) === type

/** Numbers by their value: 0 and -0 are one. */
const isSame = (value: Json, other: Json): boolean =>
  value === other || (typeof value === "object" && isDeepStrictEqual(value, other))

/** Not within a surrogate pair: what is wrong goes out as a text. */
const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most).toWellFormed()}…` : text

const sizeFault = (schema: JsonObject, value: Json, path: string): string | undefined => {
  const limit = (word: string) => {
    const number = schema[word]
    return typeof number === "number" ? number : undefined
  }
  const between = (size: number, least: number | undefined, most: number | undefined, unit: string) =>
    least !== undefined && size < least
      ? `${path} must be at least ${least}${unit}`
      : most !== undefined && size > most
        ? `${path} must be at most ${most}${unit}`
        : undefined
  if (typeof value === "string") {
    const [least, most] = [limit("minLength"), limit("maxLength")]
    if (least === undefined && most === undefined) return undefined
    return between([...value].length, least, most, " characters long")
  }
  if (Array.isArray(value)) return between(value.length, limit("minItems"), limit("maxItems"), " items long")
  if (typeof value !== "number") return undefined
  const [above, below, step] = [limit("exclusiveMinimum"), limit("exclusiveMaximum"), limit("multipleOf")]
  if (above !== undefined && value <= above) return `${path} must be more than ${above}`
  if (below !== undefined && value >= below) return `${path} must be less than ${below}`
  if (step !== undefined && step > 0 && !isWhole(value / step)) return `${path} must be a multiple of ${step}`
  return between(value, limit("minimum"), limit("maximum"), "")
}

/** Within what division of decimals loses: 0.3 is a multiple of 0.1. */
const isWhole = (quotient: number) =>
  Math.abs(quotient - Math.round(quotient)) <= 1e-9 * Math.max(1, Math.abs(quotient))
