import { assert, describe, it } from "@effect/vitest"
import { fault, violationsOf } from "../../support/GigaChatRules.ts"

const user = { role: "user", content: "Привет" }
const system = { role: "system", content: "Кратко" }

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
    [422, { function_call: { name: "f" } }]
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
  })
})
