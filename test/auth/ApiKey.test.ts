import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { createHash } from "node:crypto"
import { generateKey, hashKey, isTierName, parseKey, prefixOf } from "../../src/auth/ApiKey.ts"

const Tier = Schema.String.check(Schema.isPattern(/^[a-z0-9_]{1,12}$/))
const Position = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index))

describe("an API key", () => {
  it.prop("of any tier has the form of the contract and is read back", { tier: Tier }, ({ tier }) => {
    const key = generateKey(tier)
    assert.match(key, /^xr-[a-z0-9_]+-[0-9A-Za-z]{22}-[0-9A-Za-z]{6}$/)
    assert.deepStrictEqual(parseKey(key), { tier })
  })

  it.prop("with one character changed is refused", { tier: Tier, at: Position, by: Position }, ({ tier, at, by }) => {
    const key = generateKey(tier)
    const place = at % key.length
    const other = printable[by % printable.length] ?? " "
    const typed = key.slice(0, place) + other + key.slice(place + 1)
    assert.strictEqual(parseKey(typed) === undefined, typed !== key)
  })

  it.prop(
    "with two neighbours swapped, or one lost or doubled, is refused",
    { tier: Tier, at: Position },
    ({ tier, at }) => {
      const key = generateKey(tier)
      const place = at % (key.length - 1)
      const [left = "", right = ""] = key.slice(place, place + 2)
      const [before, after] = [key.slice(0, place), key.slice(place + 2)]
      for (const typed of [
        before + right + left + after,
        before + right + after,
        before + left + left + right + after
      ]) {
        if (typed !== key) assert.isUndefined(parseKey(typed), typed)
      }
    }
  )

  it("is never given twice, and uses all of its alphabet", () => {
    const keys = Array.from({ length: 2000 }, () => generateKey("free"))
    assert.strictEqual(new Set(keys).size, keys.length)
    const counts = new Map<string, number>()
    for (const key of keys) {
      for (const character of key.slice("xr-free-".length, -7)) counts.set(character, (counts.get(character) ?? 0) + 1)
    }
    assert.strictEqual(counts.size, 62)
    // 44,000 characters, 710 of each expected; 6 standard deviations either way.
    for (const count of counts.values()) assert.approximately(count, 44_000 / 62, 160)
  })

  for (const text of [
    "",
    "xr-",
    "xr-free",
    "sk-abc",
    "xr--aaaaaaaaaaaaaaaaaaaaaa-aaaaaa",
    `${generateKey("free")} `,
    "xr-Free-a-b"
  ]) {
    it(`is not "${text.replace(/-[0-9A-Za-z]{22}.*/, "-…")}"`, () => assert.isUndefined(parseKey(text)))
  }

  it("is kept as its SHA-256 and shown as its beginning", () => {
    const key = generateKey("pro")
    assert.strictEqual(hashKey(key), createHash("sha256").update(key).digest("hex"))
    assert.match(prefixOf(key), /^xr-pro-[0-9A-Za-z]{4}$/)
    assert.isTrue(key.startsWith(prefixOf(key)))
  })

  it("holds tiers of small letters, digits and underscores only", () => {
    for (const name of ["free", "tier_2", "0"]) assert.isTrue(isTierName(name))
    for (const name of ["", "Free", "a-b", "ä", "a b", "a\n"]) assert.isFalse(isTierName(name))
  })
})
