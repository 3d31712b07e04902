import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isPublicAddress } from "../../src/providers/PublicAddress.ts"

const numberOf = (ip: string): number => ip.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0)
const ipv4Of = (number: number): string => [24, 16, 8, 0].map((bits) => (number >>> bits) & 255).join(".")

/** First and last of each range of IANA's special-purpose registry, counted by hand; by another way than the code's. */
const reserved = [
  ["0.0.0.0", "0.255.255.255"],
  ["10.0.0.0", "10.255.255.255"],
  ["100.64.0.0", "100.127.255.255"],
  ["127.0.0.0", "127.255.255.255"],
  ["169.254.0.0", "169.254.255.255"],
  ["172.16.0.0", "172.31.255.255"],
  ["192.0.0.0", "192.0.0.255"],
  ["192.0.2.0", "192.0.2.255"],
  ["192.88.99.0", "192.88.99.255"],
  ["192.168.0.0", "192.168.255.255"],
  ["198.18.0.0", "198.19.255.255"],
  ["198.51.100.0", "198.51.100.255"],
  ["203.0.113.0", "203.0.113.255"],
  ["224.0.0.0", "255.255.255.255"]
] as const
const ranges = reserved.map(([first, last]) => [numberOf(first), numberOf(last)] as const)
const isReserved = (number: number) => ranges.some(([first, last]) => number >= first && number <= last)

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
/** As often within a reserved range as anywhere. */
const IPv4 = Schema.Union([between(0, 2 ** 32 - 1), ...ranges.map(([first, last]) => between(first, last))])
const Words = Schema.Array(between(0, 0xffff)).check(Schema.isMinLength(8), Schema.isMaxLength(8))

describe("an IPv4 address", () => {
  it.prop("is public exactly where no special purpose is registered for it", [IPv4], ([number]) => {
    assert.strictEqual(isPublicAddress(ipv4Of(number)), !isReserved(number), ipv4Of(number))
  })

  it("is so up to the last address of each range, and not one further", () => {
    for (const [first, last] of ranges) {
      assert.isFalse(isPublicAddress(ipv4Of(first)), ipv4Of(first))
      assert.isFalse(isPublicAddress(ipv4Of(last)), ipv4Of(last))
      for (const beside of [first - 1, last + 1]) {
        if (beside < 0 || beside >= 2 ** 32) continue
        assert.strictEqual(isPublicAddress(ipv4Of(beside)), !isReserved(beside), ipv4Of(beside))
      }
    }
  })
})

describe("an IPv6 address", () => {
  const written = (words: ReadonlyArray<number>) => words.map((word) => word.toString(16)).join(":")

  it.prop("is public only among those of global unicast (RFC 4291, section 2.4)", [Words], ([words]) => {
    const [first = 0] = words
    if (first < 0x2000 || first > 0x3fff) assert.isFalse(isPublicAddress(written(words)), written(words))
  })

  it.prop("is not public where it stands for an IPv4 address, whatever that one is", [IPv4], ([number]) => {
    const [high, low] = [(number >>> 16).toString(16), (number & 0xffff).toString(16)]
    for (const address of [
      `::ffff:${ipv4Of(number)}`,
      `::ffff:${high}:${low}`,
      `::${ipv4Of(number)}`,
      `64:ff9b::${high}:${low}`,
      `2002:${high}:${low}::1`,
      `2001:0:${high}:${low}::`
    ]) {
      assert.isFalse(isPublicAddress(address), address)
    }
  })

  it.each([
    ["2606:4700:4700::1111", true],
    ["2a02:6b8::feed:0ff", true],
    ["2001:4860:4860::8888", true],
    ["2001:db8::1", false],
    ["2001:20::1", false],
    ["3fff::1", false],
    ["::1", false],
    ["::", false],
    ["fe80::1", false],
    ["fe80::1%eth0", false],
    ["fc00::1", false],
    ["fd12:3456::1", false],
    ["fec0::1", false],
    ["ff02::1", false],
    ["5f00::1", false]
  ])("%s: %s", (address, expected) => {
    assert.strictEqual(isPublicAddress(address), expected)
  })
})

describe("what is no address", () => {
  it.each(["", "localhost", "1.2.3", "0x7f.1", "2130706433", "1.2.3.4/32", "[::1]", "8.8.8.8 "])(
    "%s is not public",
    (text) => {
      assert.isFalse(isPublicAddress(text))
    }
  )
})
