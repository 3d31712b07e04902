import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { firstFault } from "../../src/gateway/SchemaFault.ts"

const Part = Schema.Struct({ text: Schema.String })
const Body = Schema.Struct({
  model: Schema.String,
  limits: Schema.optionalKey(Schema.Struct({ rpm: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)) })),
  messages: Schema.optionalKey(Schema.Array(Schema.Struct({ content: Schema.Array(Part) })))
})

const faultOf = (value: unknown) => {
  const result = Schema.decodeUnknownResult(Body)(value)
  assert.isTrue(Result.isFailure(result))
  return Result.isFailure(result) ? firstFault(result.failure) : undefined
}

describe("what a schema found wrong", () => {
  it("has a path the way OpenAI writes one", () => {
    for (const [value, path] of [
      [{ model: 5 }, "model"],
      [{ model: "m", limits: { rpm: 0 } }, "limits.rpm"],
      [{ model: "m", messages: [{ content: [] }, { content: [{ text: 1 }] }] }, "messages[1].content[0].text"],
      [{ model: "m", messages: {} }, "messages"],
      [{}, "model"]
    ] as const) {
      assert.strictEqual(faultOf(value)?.path, path)
    }
  })

  it("has no path where the value itself is wrong", () => {
    for (const value of [null, 7, "text", []]) {
      const fault = faultOf(value)
      assert.isUndefined(fault?.path)
      assert.isAbove(fault?.message.length ?? 0, 0)
    }
  })

  it("is the first of several faults", () => {
    assert.strictEqual(faultOf({ model: 5, limits: { rpm: "many" } })?.path, "model")
  })
})
