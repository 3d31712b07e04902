import { BlockList, isIPv4, isIPv6 } from "node:net"

/**
 * The client's own address. `X-Forwarded-For` is read from its end, past every proxy that the operator trusts
 * (XROUTER_TRUSTED_PROXIES): what stands before the first stranger could be anybody's invention.
 */
export const clientAddress = (
  trustedProxies: ReadonlyArray<string>
): ((peer: string | undefined, forwardedFor: string | undefined) => string) => {
  const trusted = new BlockList()
  for (const network of trustedProxies) {
    const [address = "", prefix] = network.split("/")
    const family = isIPv6(address) ? "ipv6" : "ipv4"
    if (prefix === undefined) trusted.addAddress(address, family)
    else trusted.addSubnet(address, Number(prefix), family)
  }
  const isTrusted = (address: string) => trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4")
  return (peer, forwardedFor) => {
    let address = unmapped(peer ?? "unknown")
    if (forwardedFor === undefined || trustedProxies.length === 0) return address
    const hops = forwardedFor.split(",").map((hop) => unmapped(hop.trim()))
    while (isTrusted(address)) {
      const before = hops.pop()
      if (before === undefined || !(isIPv4(before) || isIPv6(before))) return address
      address = before
    }
    return address
  }
}

/** `::ffff:10.0.0.1` is how a dual-stack socket tells of 10.0.0.1. */
const unmapped = (address: string): string => {
  if (!address.startsWith("::")) return address
  const inner = /^::ffff:(.+)$/i.exec(address)?.[1]
  return inner !== undefined && isIPv4(inner) ? inner : address
}
