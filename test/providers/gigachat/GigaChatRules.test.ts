import { assert, describe, it } from "@effect/vitest"
import { fault, violationsOf } from "../../support/GigaChatRules.ts"

const user = { role: "user", content: "Привет" }
const system = { role: "system", content: "Кратко" }

const aFunction = { name: "f", description: "Функция", parameters: { type: "object", properties: {} } }
const withProperty = (schema: object) => ({
  functions: [{ ...aFunction, parameters: { type: "object", properties: { a: schema } } }]
})
const aCall = { role: "assistant", content: "", function_call: { name: "f", arguments: {} } }

/** The scripted GigaChat must be as strict as the real one, or what passes it proves nothing. */
describe("The scripted GigaChat", () => {
  const cases: ReadonlyArray<readonly [number, Readonly<Record<string, unknown>>]> = [
    [404, { model: "GigaChat-9" }],
    [422, { messages: [] }],
    [422, { messages: [user, system] }],
    [422, { messages: [system, system, user] }],
    [422, { messages: [{ role: "developer", content: "Кратко" }] }],
    [422, { messages: [{ role: "user", content: [{ type: "text", text: "Привет" }] }] }],
    [422, { messages: [user, { role: "assistant", content: null }] }],
    [422, { messages: [user, { role: "function", name: "f", content: "21 °C" }] }],
    [422, { temperature: 0 }],
    [422, { top_p: 2 }],
    [422, { max_tokens: 0 }],
    [422, { n: 5 }],
    [422, { reasoning_effort: "minimal" }],
    [422, { stream: "true" }],
    [422, { function_call: { name: "f" } }],
    [422, { functions: [aFunction], function_call: { name: "g" } }],
    [422, { functions: [aFunction], function_call: "required" }],
    [422, { functions: [{ ...aFunction, name: "a.b" }] }],
    [422, { functions: [{ ...aFunction, name: "web_search" }] }],
    [422, { functions: [{ ...aFunction, description: "" }] }],
    [422, { functions: [{ ...aFunction, parameters: { type: "object" } }] }],
    [422, withProperty({ type: "array" })],
    [422, withProperty({ type: "array", items: {} })],
    [422, withProperty({ type: ["string", "null"] })],
    [422, withProperty({ anyOf: [{ type: "string" }] })],
    [422, withProperty({ $ref: "#/$defs/a" })],
    [422, withProperty({ type: "integer", enum: [1] })],
    [422, withProperty({ type: "string", format: "email" })],
    [422, { response_format: { type: "json_object" } }],
    [422, { response_format: { type: "json_schema", json_schema: { schema: { type: "object", properties: {} } } } }],
    [422, { messages: [user, { ...aCall, function_call: { name: "f", arguments: "{}" } }] }],
    [422, { messages: [user, { ...aCall, functions_state_id: "call_1" }] }],
    [422, { messages: [user, { role: "function", name: "f", content: "{}" }] }],
    [422, { messages: [user, aCall, { role: "function", name: "g", content: "{}" }] }]
  ]
  for (const [status, fields] of cases) {
    it(`answers ${status} to ${JSON.stringify(fields)}`, () => {
      assert.strictEqual(fault({ model: "GigaChat-2", messages: [user], ...fields }, ["GigaChat-2"])?.status, status)
    })
  }

  it("takes a request that is right, and notes what it takes though nobody should send it", () => {
    const right = { model: "GigaChat-2", messages: [system, user], temperature: 0.1, max_tokens: 1, stream: true }
    assert.isUndefined(fault(right, ["GigaChat-2"]))
    assert.deepStrictEqual(violationsOf(right), [])
    assert.lengthOf(violationsOf({ ...right, seed: 1, function_call: "auto" }), 2)
    assert.lengthOf(violationsOf({ ...right, functions: [aFunction] }), 1)
  })

  it("takes functions, their calls and results, and an answer's schema", () => {
    const right = {
      model: "GigaChat-2",
      messages: [user, aCall, { role: "function", name: "f", content: "{}" }],
      functions: [aFunction],
      function_call: { name: "f" },
      response_format: { type: "json_schema", schema: { type: "array", items: { type: "string", enum: ["a"] } } }
    }
    assert.isUndefined(fault(right, ["GigaChat-2"]))
    assert.deepStrictEqual(violationsOf(right), [])
  })
})
