import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Pace } from "../../src/auth/Pace.ts"

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("a pace", () => {
  it.prop(
    "lets a burst through and then one in each interval, whenever they come",
    { burst: between(1, 10), interval: between(1, 1000), gaps: Schema.Array(between(0, 2000)) },
    ({ burst, gaps, interval }) => {
      const pace = new Pace({ burst, interval })
      const times: Array<number> = []
      let now = 1_700_000_000_000
      for (const gap of gaps) {
        now += gap
        now += pace.waitAt(now)
        assert.strictEqual(pace.waitAt(now), 0)
        pace.spendAt(now)
        times.push(now)
      }
      times.forEach((time, index) => {
        const before = times.findIndex((other) => time - other < 10 * interval)
        assert.isAtMost(index - before + 1, burst + 10)
      })
    }
  )

  it("keeps nobody waiting who is alone", () => {
    const pace = new Pace({ burst: 1, interval: 100 })
    for (let now = 0; now < 1000; now += 100) {
      assert.strictEqual(pace.waitAt(now), 0)
      pace.spendAt(now)
      assert.strictEqual(pace.waitAt(now + 40), 60)
    }
  })
})
