import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { type Place, Roster } from "../../src/domain/Roster.ts"

describe("a roster", () => {
  it.prop(
    "has those who are there, each once, in whatever order they come and go",
    [Schema.Array(Schema.Int)],
    ([steps]) => {
      const roster = new Roster<number>()
      const there = new Map<number, Place<number>>()
      for (const [next, step] of steps.entries()) {
        const [item, place] = [...there][Math.abs(step) % (there.size + 1)] ?? []
        if (item === undefined || place === undefined) {
          there.set(next, roster.enter(next))
        } else {
          assert.isTrue(roster.leave(place))
          assert.isFalse(roster.leave(place))
          assert.isUndefined(place.item)
          there.delete(item)
        }
        assert.strictEqual(roster.size, there.size)
        assert.sameMembers([...roster.all()], [...there.keys()])
        assert.sameMembers([...roster.allPlaces()], [...there.values()])
      }
    }
  )

  it("shows those who have left in a list that was made before", () => {
    const roster = new Roster<string>()
    const first = roster.enter("first")
    roster.enter("second")
    const places = roster.allPlaces()
    roster.leave(first)
    assert.deepStrictEqual(
      places.map(({ item }) => item),
      [undefined, "second"]
    )
  })

  it("is empty after all were taken, and nobody can leave it then", () => {
    const roster = new Roster<string>()
    const place = roster.enter("one")
    roster.enter("two")
    assert.sameMembers([...roster.takeAll()], ["one", "two"])
    assert.strictEqual(roster.size, 0)
    assert.isFalse(roster.leave(place))
    roster.enter("three")
    assert.deepStrictEqual([...roster.all()], ["three"])
  })
})
