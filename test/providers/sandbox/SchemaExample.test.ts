import { assert, describe, it } from "@effect/vitest"
import { Ajv } from "ajv"
import type { JsonObject } from "../../../src/domain/Json.ts"
import { example } from "../../../src/providers/sandbox/SchemaExample.ts"

describe("an example of a schema", () => {
  const schemas: ReadonlyArray<readonly [what: string, schema: JsonObject]> = [
    ["an empty schema", {}],
    ["no required properties", { properties: { a: { type: "string" } } }],
    [
      "nested objects and arrays",
      {
        type: "object",
        properties: {
          rows: {
            type: "array",
            minItems: 2,
            items: { type: "object", properties: { at: { type: "integer" } }, required: ["at"] }
          }
        },
        required: ["rows"]
      }
    ],
    [
      "strings with formats, bounds and choices",
      {
        type: "object",
        properties: {
          long: { type: "string", minLength: 40 },
          short: { type: "string", maxLength: 2 },
          fixed: { const: "yes" },
          pick: { type: "string", enum: ["b", "a"] }
        },
        required: ["long", "short", "fixed", "pick"]
      }
    ],
    [
      "numbers with bounds and grids",
      {
        type: "object",
        properties: {
          a: { type: "integer", exclusiveMinimum: 3 },
          b: { type: "integer", multipleOf: 5 },
          c: { type: "number", minimum: 0.1, maximum: 0.2 },
          d: { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 0.5 },
          e: { type: "integer", maximum: -4 },
          f: { type: "number", exclusiveMaximum: 0 },
          g: { type: "integer", minimum: 7, multipleOf: 4 }
        },
        required: ["a", "b", "c", "d", "e", "f", "g"]
      }
    ],
    [
      "what pydantic and zod write",
      {
        type: "object",
        properties: {
          note: { anyOf: [{ type: "null" }, { type: "string" }] },
          kind: { type: ["string", "null"] },
          point: { $ref: "#/$defs/Point" },
          both: {
            allOf: [
              { $ref: "#/$defs/Point" },
              { type: "object", properties: { z: { type: "boolean" } }, required: ["z"] }
            ]
          },
          nothing: { type: "null" }
        },
        required: ["note", "kind", "point", "both", "nothing"],
        $defs: {
          Point: {
            type: "object",
            properties: { x: { type: "number" }, "y/z": { $ref: "#/$defs/a~1b" } },
            required: ["x", "y/z"]
          },
          "a/b": { type: "integer" }
        }
      }
    ],
    [
      "a recursive schema that can end",
      {
        type: "object",
        properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#" } } },
        required: ["name", "children"]
      }
    ]
  ]
  it.each(schemas)("is valid for %s", (_what, schema) => {
    const value = example(schema, "Привет 🌍")
    const ajv = new Ajv({ strict: false })
    assert.isTrue(ajv.validate(schema, value), `${JSON.stringify(value)}: ${ajv.errorsText()}`)
    assert.deepStrictEqual(example(schema, "Привет 🌍"), value)
  })

  it("ends also for a schema that has no end", () => {
    const schema = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] }
    assert.match(JSON.stringify(example(schema, "Hi")), /^\{"next":\{"next":/)
  })

  it("ends also for a schema that would fill the memory", () => {
    const wide = { type: "array", minItems: 100, items: { $ref: "#/$defs/wide" } }
    const schema = { type: "object", properties: { wide }, required: ["wide"], $defs: { wide } }
    assert.isBelow(JSON.stringify(example(schema, "Hi")).length, 100_000)
  })
})
