import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { resolveBy } from "../../src/providers/NameLookup.ts"
import { eventually } from "../support/Eventually.ts"
import { nameServer } from "../support/NameServer.ts"

const setUp = Effect.gen(function* () {
  const server = yield* nameServer({
    "both.example": ["2001:db8::1", "192.0.2.1", "192.0.2.2"],
    "six.example": ["2001:db8::2"],
    "none.example": [],
    "silent.example": "silent"
  })
  return { server, resolve: resolveBy([server.address]) }
})

describe("looking up a name", () => {
  it.live("gives all of its addresses, IPv4 first", () =>
    Effect.gen(function* () {
      const { resolve } = yield* setUp
      assert.deepStrictEqual(yield* resolve("both.example"), [
        { address: "192.0.2.1", family: 4 },
        { address: "192.0.2.2", family: 4 },
        { address: "2001:db8::1", family: 6 }
      ])
      assert.deepStrictEqual(yield* resolve("six.example"), [{ address: "2001:db8::2", family: 6 }])
    }).pipe(Effect.scoped)
  )

  it.live("fails where there are none", () =>
    Effect.gen(function* () {
      const { resolve } = yield* setUp
      for (const name of ["unknown.example", "none.example"]) {
        assert.instanceOf(yield* Effect.flip(resolve(name)), Error, name)
      }
    }).pipe(Effect.scoped)
  )

  it.live("ends at once when nobody waits for it any more", () =>
    Effect.gen(function* () {
      const { resolve, server } = yield* setUp
      const resolving = yield* Effect.forkChild(resolve("silent.example"))
      yield* eventually(Effect.sync(() => server.asked.includes("silent.example")))
      yield* Fiber.interrupt(resolving)
    }).pipe(Effect.scoped)
  )
})
