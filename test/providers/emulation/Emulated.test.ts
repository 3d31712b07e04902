import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Abilities } from "../../../src/providers/Provider.ts"
import { emulated } from "../../../src/providers/emulation/Emulated.ts"
import { answers, ask, callOf, fake, incapable } from "./scripts.ts"

describe("emulation", () => {
  it.effect("leaves alone what is not asked for, what the provider can, and a provider that says nothing", () =>
    Effect.gen(function* () {
      const plain = fake(() => answers("hi"))
      yield* ask(emulated(plain), { n: 1, temperature: 0 })
      assert.deepStrictEqual(plain.sent, [callOf({ n: 1, temperature: 0 })])

      const capable = fake(() => answers("hi"), {
        parameters: new Set(["stop", "n", "response_format"]),
        formats: new Set(["json_object", "json_schema"] as const),
        input: new Set(["text"] as const)
      })
      const asked = { n: 2, stop: "x", response_format: { type: "json_object" } }
      yield* ask(emulated(capable), asked)
      assert.deepStrictEqual(capable.sent, [callOf(asked)])

      const { abilities: _, ...silent } = fake(() => answers("hi"))
      const everything = { ...asked, tools: [], functions: [], tool_choice: "required" as const }
      yield* ask(emulated(silent), everything)
      assert.deepStrictEqual(silent.sent, [callOf(everything)])
      assert.notProperty(emulated(silent), "abilities")
    })
  )

  it.effect("refuses several choices that would be several calls where the provider is set to make one", () =>
    Effect.gen(function* () {
      const one = { ...fake(() => answers("hi")), fansOut: false }
      assert.isFalse(emulated(one).abilities?.("m").parameters.has("n"))
      const error = yield* Effect.flip(ask(emulated(one), { n: 2 }))
      assert.deepInclude(error, { _tag: "ValidationError", reason: "unsupported_parameter", param: "n" })
      yield* ask(emulated(one), { n: 1 })
      assert.lengthOf(one.sent, 1)
      const several = {
        ...fake(() => answers("hi"), { ...incapable, parameters: new Set(["n"]) }),
        fansOut: false
      }
      assert.isTrue(emulated(several).abilities?.("m").parameters.has("n"))
      yield* ask(emulated(several), { n: 2 })
      // A form that is made up for is a matter of each choice.
      const formed = yield* Effect.flip(ask(emulated(several), { n: 2, response_format: { type: "json_object" } }))
      assert.deepInclude(formed, { _tag: "ValidationError", param: "n" })
    })
  )

  it("is among the abilities of a model that writes, and not of one that embeds", () => {
    const abilitiesWith = (parameter: string) =>
      emulated(fake(() => answers("hi"), { ...incapable, parameters: new Set([parameter]) })).abilities?.("m")
    const completed: Abilities = {
      parameters: new Set(["seed", "n", "response_format", "stop"]),
      formats: new Set(["json_object", "json_schema"]),
      input: new Set(["text"])
    }
    assert.deepStrictEqual(abilitiesWith("seed"), completed)
    assert.includeMembers([...(abilitiesWith("tools")?.parameters ?? [])], ["tools", "functions", "function_call"])
    assert.deepStrictEqual(abilitiesWith("dimensions"), { ...incapable, parameters: new Set(["dimensions"]) })
  })
})
