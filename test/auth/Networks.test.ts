import { assert, describe, it } from "@effect/vitest"
import { isNetwork, makeNetworks } from "../../src/auth/Networks.ts"

describe("networks", () => {
  const inside: ReadonlyArray<readonly [ip: string, network: string]> = [
    ["192.0.2.7", "192.0.2.0/24"],
    ["192.0.2.7", "192.0.2.7"],
    ["192.0.2.7", "0.0.0.0/0"],
    ["::ffff:192.0.2.7", "192.0.2.0/24"],
    ["2001:db8::1", "2001:db8::/32"],
    ["2001:db8:0:0:0:0:0:1", "2001:db8::1"]
  ]
  for (const [ip, network] of inside) it(`${network} has ${ip}`, () => assert.isTrue(makeNetworks([network])(ip)))

  const outside: ReadonlyArray<readonly [ip: string, network: string]> = [
    ["192.0.3.7", "192.0.2.0/24"],
    ["192.0.2.8", "192.0.2.7"],
    ["2001:db9::1", "2001:db8::/32"],
    ["192.0.2.7", "2001:db8::/32"],
    ["", "0.0.0.0/0"],
    ["unix", "0.0.0.0/0"],
    ["fe80::1%eth0", "::/0"]
  ]
  for (const [ip, network] of outside) {
    it(`${network} does not have "${ip}"`, () => assert.isFalse(makeNetworks([network])(ip)))
  }

  for (const text of [
    "",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "::/129",
    "10.0.0",
    "example.org",
    "10.0.0.0/8 "
  ]) {
    it(`"${text}" is none`, () => assert.isFalse(isNetwork(text)))
  }
})
