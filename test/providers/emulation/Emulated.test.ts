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

      const { abilities: _, ...silent } = plain
      assert.strictEqual(emulated(silent), silent)
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
    assert.deepStrictEqual(abilitiesWith("dimensions"), { ...incapable, parameters: new Set(["dimensions"]) })
  })
})
