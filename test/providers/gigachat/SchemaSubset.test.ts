import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { isJsonObject, type JsonObject } from "../../../src/domain/Json.ts"
import { inSubset } from "../../../src/providers/gigachat/SchemaSubset.ts"
import { schemaFault } from "../../support/GigaChatRules.ts"

const property = (schema: JsonObject, beside: JsonObject = {}) => {
  const lowered = inSubset({ type: "object", properties: { a: schema }, ...beside })
  const properties = lowered?.["properties"]
  return isJsonObject(properties) ? properties["a"] : assert.fail("it is no object")
}

const name = Schema.Literals(["a", "b", "__proto__", "ключ"])
const type = Schema.Literals(["string", "number", "integer", "boolean", "object", "array", "null", "any"])
const value = Schema.Union([Schema.String, Schema.Int, Schema.Boolean, Schema.Null])
const some = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(schema)

const leaf = {
  type: some(Schema.Union([type, Schema.Array(type)])),
  description: some(Schema.String),
  required: some(Schema.Array(name)),
  $ref: some(Schema.Literals(["#", "#/properties/a", "#/$defs/a", "#/$defs/b", "#/nowhere", "other.json"])),
  enum: some(Schema.Array(value)),
  const: some(value),
  nullable: some(Schema.Boolean),
  format: some(Schema.Literals(["date", "email"])),
  minimum: some(Schema.Union([Schema.Int, Schema.String])),
  pattern: some(Schema.String)
}
const around = <S extends Schema.Constraint>(inner: S) => {
  const list = some(Schema.Array(inner))
  const named = some(Schema.Struct({ a: some(inner), b: some(inner) }))
  return Schema.Struct({
    ...leaf,
    properties: named,
    $defs: named,
    items: some(Schema.Union([inner, Schema.Array(inner)])),
    prefixItems: list,
    additionalProperties: some(Schema.Union([Schema.Boolean, inner])),
    anyOf: list,
    oneOf: list,
    allOf: list
  })
}
const schemas = around(around(Schema.Struct(leaf)))

describe("A schema in GigaChat's subset", () => {
  const cases: ReadonlyArray<readonly [what: string, schema: JsonObject, lowered: JsonObject]> = [
    ["an object gets its properties", { type: "object" }, { type: "object", properties: {} }],
    [
      "an array gets its items",
      { type: "array" },
      { type: "array", items: { type: "string", description: "Any JSON value" } }
    ],
    [
      "pydantic's optional is its type, and may be null",
      { anyOf: [{ type: "string", maxLength: 5 }, { type: "null" }], default: null, title: "A" },
      { type: "string", description: "May be null", maxLength: 5 }
    ],
    ["a list of types is its first", { type: ["null", "integer"] }, { type: "integer", description: "May be null" }],
    [
      "a union is its first variant, and the others are told",
      { description: "Ключ", oneOf: [{ type: "integer" }, { type: "string" }, { title: "Key", type: "object" }] },
      { type: "integer", description: "Ключ\nMay also be: string, Key" }
    ],
    [
      "a union of values is one list",
      { anyOf: [{ const: "a", type: "string" }, { const: "b", type: "string" }, { type: "null" }] },
      { type: "string", description: "May be null", enum: ["a", "b"] }
    ],
    ["values that are no strings keep their type", { enum: [1, 2] }, { type: "integer", description: "One of: 1, 2" }],
    ["integers and fractions are numbers", { enum: [1, 2.5] }, { type: "number", description: "One of: 1, 2.5" }],
    ["a constant is a list of one", { const: "metric" }, { type: "string", enum: ["metric"] }],
    ["a list that allows null", { enum: ["a", null] }, { type: "string", description: "May be null", enum: ["a"] }],
    ["a format that is known stays", { type: "string", format: "date" }, { type: "string", format: "date" }],
    [
      "another format is told",
      { type: "string", format: "email", description: "Почта" },
      { type: "string", description: "Почта\nFormat: email" }
    ],
    [
      "allOf is joined",
      {
        allOf: [
          { type: "object", properties: { x: { type: "string" } }, required: ["x"] },
          { properties: { y: { type: "number" }, x: { description: "икс" } }, required: ["y"] }
        ]
      },
      {
        type: "object",
        properties: { x: { type: "string", description: "икс" }, y: { type: "number" } },
        required: ["x", "y"]
      }
    ],
    [
      "a tuple is a list of its first",
      { prefixItems: [{ type: "number" }, { type: "string" }] },
      { type: "array", items: { type: "number" } }
    ],
    [
      "a map tells of its values",
      { additionalProperties: { type: "integer" } },
      {
        type: "object",
        description: 'Has keys of any name, their values by this schema: {"type":"integer"}',
        properties: {}
      }
    ],
    ["anything at all is a text", {}, { type: "string", description: "Any JSON value" }],
    [
      "only properties are required",
      { type: "object", properties: { x: { type: "string" } }, required: ["x", "y", "x"] },
      { type: "object", properties: { x: { type: "string" } }, required: ["x"] }
    ]
  ]
  for (const [what, schema, lowered] of cases) {
    it(what, () => {
      assert.deepStrictEqual(property(schema), lowered)
    })
  }

  it("has its references put in their place, by their paths as JSON Pointer escapes them", () => {
    const $defs = { "a/b~c": { type: "string", description: "там" } }
    const ref = { $ref: "#/$defs/a~1b~0c" }
    assert.deepStrictEqual(property(ref, { $defs }), { type: "string", description: "там" })
    assert.deepStrictEqual(property({ ...ref, description: "тут" }, { $defs }), { type: "string", description: "тут" })
    assert.deepStrictEqual(property({ $ref: "https://example.com/schema" }), {
      type: "string",
      description: "Any JSON value"
    })
  })

  it("ends where a schema holds itself", () => {
    const Node = {
      type: "object",
      properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#/$defs/Node" } } }
    }
    assert.deepStrictEqual(property({ $ref: "#/$defs/Node" }, { $defs: { Node } }), {
      type: "object",
      properties: {
        name: { type: "string" },
        children: { type: "array", items: { type: "object", description: "Again Node", properties: {} } }
      }
    })
    const loop = { $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } } }
    assert.deepInclude(property({ $ref: "#/$defs/a" }, loop), { type: "object", properties: {} })
  })

  it("is none where its references double with each level, or it nests without end", () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, level) => {
        const next = { $ref: `#/$defs/d${level + 1}` }
        return [`d${level}`, { type: "object", properties: { x: next, y: next } }]
      })
    )
    assert.isUndefined(inSubset({ $ref: "#/$defs/d0", $defs }))
    let deep: JsonObject = { type: "string" }
    for (let level = 0; level < 5000; level++) deep = { type: "array", items: deep }
    assert.isUndefined(inSubset(deep))
    for (let level = 0; level < 5000; level++) deep = { allOf: [deep] }
    assert.isUndefined(inSubset(deep))
  })

  it.effect.prop(
    "is always one that GigaChat takes, and lowering it again changes nothing",
    { schema: schemas },
    ({ schema }) =>
      Effect.sync(() => {
        const lowered = inSubset(schema)
        if (lowered === undefined) return
        assert.isUndefined(schemaFault(lowered, "schema"))
        assert.deepStrictEqual(inSubset(lowered), lowered)
      }),
    { arbitrary: { runs: 300 } }
  )
})
