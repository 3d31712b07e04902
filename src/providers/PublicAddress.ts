import { BlockList, isIP } from "node:net"

/** Of the IPv4 special-purpose registry (IANA, RFC 6890) what is not globally reachable, and multicast. */
const withinIPv4 = new BlockList()
for (const [address, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  // Carrier-grade NAT (RFC 6598).
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Link-local, where clouds answer their machines' questions about themselves.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4]
] as const) {
  withinIPv4.addSubnet(address, bits, "ipv4")
}

/** Global unicast, all that is given out today: loopback, ULA, link-local, multicast, mapped IPv4 and NAT64 lie outside. */
const globalIPv6 = new BlockList()
globalIPv6.addSubnet("2000::", 3, "ipv6")

/** Of that what is of special purpose, or stands for an IPv4 address. */
const withinIPv6 = new BlockList()
for (const [address, bits] of [
  // IETF's own: Teredo (RFC 4380), benchmarks, ORCHID.
  ["2001::", 23],
  ["2001:db8::", 32],
  // 6to4 (RFC 3056).
  ["2002::", 16],
  ["3fff::", 20]
] as const) {
  withinIPv6.addSubnet(address, bits, "ipv6")
}

/** Whether an address is one of the open Internet: of no private, local, shared or reserved network, in whatever form it is written. */
export const isPublicAddress = (address: string): boolean => {
  // A zone (`fe80::1%eth0`) names an interface of this machine.
  if (address.includes("%")) return false
  switch (isIP(address)) {
    case 4:
      return !withinIPv4.check(address, "ipv4")
    case 6:
      return globalIPv6.check(address, "ipv6") && !withinIPv6.check(address, "ipv6")
    default:
      return false
  }
}
