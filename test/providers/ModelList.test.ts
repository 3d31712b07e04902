import { assert, describe, it } from "@effect/vitest"
import { completedBy } from "../../src/providers/ModelList.ts"
import type { ProviderModel } from "../../src/providers/Provider.ts"

const price = {
  input: "0.25",
  output: "2",
  currency: "USD",
  per: 1_000_000,
  asOf: "2026-11-23",
  source: "https://a.example"
}
const documented: ReadonlyArray<ProviderModel> = [
  { id: "Small-2", name: "Small 2", ownedBy: "vendor", created: 0, contextLength: 8192, outputLength: 1024, price },
  { id: "Gone", ownedBy: "vendor", created: 0, contextLength: 4096 }
]

describe("a provider's list, completed by what its vendor documents", () => {
  it("is told what it does not say itself, under the names that it has", () => {
    assert.deepStrictEqual(
      completedBy(documented)([
        { id: "small-2", ownedBy: "us", created: 5 },
        { id: "new", ownedBy: "us", created: 6 }
      ]),
      [
        { id: "small-2", name: "Small 2", ownedBy: "us", created: 5, contextLength: 8192, outputLength: 1024, price },
        { id: "new", ownedBy: "us", created: 6 }
      ]
    )
  })

  it("has the last word", () => {
    const listed = { id: "Small-2", ownedBy: "us", created: 5, contextLength: 16_384, name: "S2" }
    assert.deepInclude(completedBy(documented)([listed])[0], listed)
  })

  it("takes over nothing of price from another version of a model", () => {
    for (const id of ["Small-2-2026-01-31", "Small-2-preview"]) {
      assert.deepStrictEqual(completedBy(documented)([{ id, ownedBy: "us", created: 5 }]), [
        { id, ownedBy: "us", created: 5, contextLength: 8192, outputLength: 1024 }
      ])
    }
  })
})
