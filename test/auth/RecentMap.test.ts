import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { RecentMap } from "../../src/auth/RecentMap.ts"

const Step = Schema.Struct({
  key: Schema.Literals(["a", "b", "c", "d", "e"]),
  do: Schema.Literals(["get", "set", "delete"])
})

describe("RecentMap", () => {
  it.prop("keeps just what was asked for or set last", { steps: Schema.Array(Step) }, ({ steps }) => {
    const map = new RecentMap<string>(3)
    let recent: Array<string> = []
    for (const step of steps) {
      const isKept = recent.includes(step.key)
      if (step.do === "get") assert.strictEqual(map.get(step.key), isKept ? step.key : undefined)
      if (step.do === "set") map.set(step.key, step.key)
      if (step.do === "delete") map.delete(step.key)
      if (step.do === "set" || (step.do === "get" && isKept))
        recent = [...recent.filter((key) => key !== step.key), step.key]
      if (step.do === "delete") recent = recent.filter((key) => key !== step.key)
      recent = recent.slice(-3)
      assert.deepStrictEqual(
        [...map].map(([key]) => key),
        recent
      )
      assert.strictEqual(map.size, recent.length)
    }
  })
})
