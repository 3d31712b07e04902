import { assert, describe, it } from "@effect/vitest"
import type { Json, JsonObject } from "../../../src/domain/Json.ts"
import { danglingRef, schemaFault } from "../../../src/providers/emulation/SchemaCheck.ts"

const tree = {
  $ref: "#/$defs/Node",
  $defs: {
    Node: {
      type: "object",
      properties: { value: { type: "integer" }, next: { anyOf: [{ $ref: "#/$defs/Node" }, { type: "null" }] } },
      required: ["value", "next"],
      additionalProperties: false
    }
  }
}

describe("a value held against a JSON Schema", () => {
  const fits: ReadonlyArray<readonly [JsonObject, Json]> = [
    [{}, 1],
    [{ type: ["string", "null"] }, null],
    [{ type: "integer" }, 3],
    [{ type: "number" }, 3],
    [{ enum: ["a", { b: [1] }] }, { b: [1] }],
    [{ const: { a: 1, b: 2 } }, { b: 2, a: 1 }],
    [tree, { value: 1, next: { value: 2, next: null } }],
    [{ properties: { a: true } }, { a: 1, b: 2 }],
    [{ additionalProperties: { type: "string" } }, { any: "x" }],
    [{ type: "array", prefixItems: [{ type: "string" }], items: { type: "number" } }, ["a", 1, 2]],
    [{ minLength: 1, maxLength: 1 }, "😀"],
    [{ multipleOf: 0.1 }, 0.3],
    [{ oneOf: [{ type: "string" }, { type: "number" }] }, 1],
    [{ properties: { self: { $ref: "#" } }, additionalProperties: false }, { self: { self: {} } }],
    [{ $ref: "#/definitions/a~1b%20c", definitions: { "a/b c": { type: "string" } } }, "x"],
    // Patterns are not checked, so neither is whom they leave to `additionalProperties`.
    [{ patternProperties: { "^x": { type: "string" } }, additionalProperties: false }, { x1: "a" }],
    [{ const: 0 }, -0],
    [{ enum: [0, 1] }, -0]
  ]
  it.each(fits)("has no fault: %j, %j", (schema, value) => {
    assert.isUndefined(schemaFault(schema, value))
  })

  const faults: ReadonlyArray<readonly [JsonObject, Json, string]> = [
    [{ type: "integer" }, 3.5, "$ must be integer, not number"],
    [{ type: "object" }, [], "$ must be object, not array"],
    [{ type: ["string", "null"] }, 1, "$ must be string or null, not number"],
    [{ enum: ["a", "b"] }, "c", '$ must be one of ["a","b"]'],
    [{ const: 1 }, 2, "$ must be 1"],
    [tree, { value: 1, next: { value: 1.5, next: null } }, "$.next fits none"],
    [tree, { value: 1 }, '$ lacks "next"'],
    [tree, { value: 1, next: null, more: 1 }, '$ must not have "more"'],
    [{ required: ["toString"] }, {}, '$ lacks "toString"'],
    [{ properties: {}, additionalProperties: false }, { constructor: 1 }, '$ must not have "constructor"'],
    [{ items: { type: "string" } }, ["a", 1], "$[1] must be string, not number"],
    [{ prefixItems: [{}], items: false }, [1, 2], "$[1] must not be there"],
    [{ minItems: 2 }, [1], "$ must be at least 2 items long"],
    [{ maxLength: 2 }, "abc", "$ must be at most 2 characters long"],
    [{ minimum: 0 }, -1, "$ must be at least 0"],
    [{ exclusiveMinimum: 0 }, 0, "$ must be more than 0"],
    [{ exclusiveMaximum: 1 }, 1, "$ must be less than 1"],
    [{ multipleOf: 2 }, 3, "$ must be a multiple of 2"],
    [{ allOf: [{ type: "string" }, { minLength: 3 }] }, "ab", "$ must be at least 3 characters long"],
    [{ oneOf: [{ type: "number" }, { type: "integer" }] }, 1, "$ fits more than one"],
    [{ $ref: "#/$defs/A", $defs: { A: { $ref: "#/$defs/A" } } }, 1, "$ is too intricate"]
  ]
  it.each(faults)("has a fault: %j, %j", (schema, value, expected) => {
    const fault = schemaFault(schema, value)
    assert.strictEqual(fault?.slice(0, expected.length), expected)
  })

  it("is given up where the two together would take for ever", () => {
    const A = { anyOf: [1, 2].map((least) => ({ type: "array", items: { $ref: "#/$defs/A" }, minItems: least })) }
    let value: Json = "leaf"
    for (let depth = 0; depth < 60; depth++) value = [value, value]
    const fault = schemaFault({ $ref: "#/$defs/A", $defs: { A } }, value) ?? ""
    assert.include(fault, "$ fits none")
    assert.isAtMost(fault.length, 501)
    let deep: Json = []
    for (let depth = 0; depth < 5000; depth++) deep = [deep]
    assert.include(schemaFault({ items: { $ref: "#" } }, deep), "too intricate")
  })

  it("takes no time to speak of, however much of a schema each of many values meets", () => {
    const long = "k".repeat(1_000_000)
    const many = (item: Json): Json => Array.from({ length: 6000 }, () => item)
    const options = Array.from({ length: 100_000 }, (_, index) => `option ${index}`)
    assert.include(schemaFault({ items: { enum: options } }, many("option 99999")), "too intricate")
    assert.include(schemaFault({ items: { required: options.map(() => "a") } }, many({ a: 1 })), "too intricate")
    assert.include(schemaFault({ items: { type: [...options, "number"] } }, many(1)), "too intricate")
    assert.include(schemaFault({ items: { oneOf: options.map(() => false) } }, many(1)), "none of the forms")
    assert.isUndefined(schemaFault({ items: { anyOf: [{ const: long }, { type: "number" }] } }, many(1)))
    assert.isUndefined(schemaFault({ items: { $ref: `#/$defs/${long}` }, $defs: { [long]: {} } }, many(1)))
    assert.isUndefined(schemaFault({ items: { enum: options.slice(0, 200) } }, many("option 199")))
    assert.isUndefined(schemaFault({}, many([1, 2, 3, 4])))
  })

  it("wants every reference to lead somewhere", () => {
    assert.isUndefined(danglingRef(tree))
    assert.strictEqual(danglingRef({ items: [{ $ref: "#/$defs/B" }], $defs: {} }), "#/$defs/B")
    assert.strictEqual(danglingRef({ $ref: "https://example.com/schema" }), "https://example.com/schema")
    assert.strictEqual(danglingRef({ $ref: "#/%E0" }), "#/%E0")
  })
})
