import { BlockList, isIP } from "node:net"

/** True of `192.0.2.0/24`, `2001:db8::/32` and of single addresses. */
export const isNetwork = (text: string): boolean => parse(text) !== undefined

/** Whether an address lies in one of the networks. An IPv4 address may come as IPv6 writes it, `::ffff:192.0.2.1`. */
export const makeNetworks = (networks: ReadonlyArray<string>): ((ip: string) => boolean) => {
  const list = new BlockList()
  for (const network of networks) {
    const parsed = parse(network)
    if (parsed !== undefined) list.addSubnet(parsed.address, parsed.bits, parsed.family)
  }
  return (ip) => {
    const family = familyOf(ip)
    return family !== undefined && list.check(ip, family)
  }
}

const parse = (text: string) => {
  const slash = text.indexOf("/")
  const address = slash < 0 ? text : text.slice(0, slash)
  const family = familyOf(address)
  if (family === undefined) return undefined
  const most = family === "ipv4" ? 32 : 128
  const bits = slash < 0 ? String(most) : text.slice(slash + 1)
  return /^\d{1,3}$/.test(bits) && Number(bits) <= most ? { address, bits: Number(bits), family } : undefined
}

const familyOf = (ip: string): "ipv4" | "ipv6" | undefined => {
  // A zone (`fe80::1%eth0`) names an interface of one machine; no network is told by it.
  if (ip.includes("%")) return undefined
  const version = isIP(ip)
  return version === 4 ? "ipv4" : version === 6 ? "ipv6" : undefined
}
