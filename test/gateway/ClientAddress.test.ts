import { assert, describe, it } from "@effect/vitest"
import { clientAddress } from "../../src/gateway/ClientAddress.ts"

const proxies = ["10.0.0.0/8", "192.0.2.7", "fd00::/8", "2001:db8::1"]
const address = clientAddress(proxies)

const cases = (
  title: string,
  table: ReadonlyArray<readonly [peer: string | undefined, forwardedFor: string | undefined, client: string]>,
  of = address
) => {
  it(title, () => {
    for (const [peer, forwardedFor, client] of table) {
      assert.strictEqual(of(peer, forwardedFor), client, `${peer} for ${forwardedFor}`)
    }
  })
}

describe("the client's address", () => {
  cases("is the peer's where nothing was forwarded", [
    ["203.0.113.5", undefined, "203.0.113.5"],
    ["10.0.0.1", undefined, "10.0.0.1"],
    ["2001:db8::5", undefined, "2001:db8::5"],
    [undefined, undefined, "unknown"]
  ])

  cases("is the peer's where the peer is no trusted proxy, whatever it says", [
    ["203.0.113.5", "198.51.100.1", "203.0.113.5"],
    ["203.0.113.5", "10.0.0.1", "203.0.113.5"],
    ["192.0.2.8", "198.51.100.1", "192.0.2.8"],
    ["2001:db8::2", "198.51.100.1", "2001:db8::2"],
    [undefined, "198.51.100.1", "unknown"]
  ])

  cases(
    "is the peer's where no proxy is trusted",
    [
      ["127.0.0.1", "198.51.100.1", "127.0.0.1"],
      ["10.0.0.1", "198.51.100.1", "10.0.0.1"]
    ],
    clientAddress([])
  )

  cases("is what a trusted proxy has seen", [
    ["10.1.2.3", "198.51.100.1", "198.51.100.1"],
    ["192.0.2.7", "198.51.100.1", "198.51.100.1"],
    ["fd00::1", "2001:db8::99", "2001:db8::99"],
    ["2001:db8::1", "198.51.100.1", "198.51.100.1"],
    ["10.1.2.3", " 198.51.100.1 ", "198.51.100.1"]
  ])

  cases("is the last stranger's, past every trusted proxy: what stands before it is anybody's invention", [
    ["10.1.2.3", "1.1.1.1, 198.51.100.1", "198.51.100.1"],
    ["10.1.2.3", "1.1.1.1, 198.51.100.1, 192.0.2.7, 10.9.9.9", "198.51.100.1"],
    ["10.1.2.3", "10.0.0.1, 198.51.100.1", "198.51.100.1"],
    ["fd00::1", "::1, 2001:db8::99, fd00::2", "2001:db8::99"]
  ])

  cases("is the first proxy's where all of them are trusted", [["10.1.2.3", "10.0.0.1, 10.0.0.2", "10.0.0.1"]])

  cases("is the last proxy's where what it passed on is no address", [
    ["10.1.2.3", "", "10.1.2.3"],
    ["10.1.2.3", "unknown", "10.1.2.3"],
    ["10.1.2.3", "198.51.100.1:4711", "10.1.2.3"],
    ["10.1.2.3", "<script>", "10.1.2.3"],
    ["10.1.2.3", "198.51.100.1, _hidden, 10.0.0.2", "10.0.0.2"],
    ["10.1.2.3", "198.51.100.1,", "10.1.2.3"]
  ])

  cases("is IPv4 however a dual-stack socket or a proxy writes it", [
    ["::ffff:203.0.113.5", undefined, "203.0.113.5"],
    ["::FFFF:203.0.113.5", undefined, "203.0.113.5"],
    ["::ffff:10.1.2.3", "::ffff:198.51.100.1", "198.51.100.1"],
    ["::ffff:10.1.2.3", "198.51.100.1, ::ffff:10.0.0.2", "198.51.100.1"],
    // The same in hexadecimal digits is an IPv6 address like any other.
    ["10.1.2.3", "::ffff:c633:6401", "::ffff:c633:6401"],
    ["10.1.2.3", "198.51.100.1, ::ffff:a00:2", "198.51.100.1"]
  ])
})
