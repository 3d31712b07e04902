/** Whom attempts from an address are counted against: a household or a machine has a whole /64 of IPv6 to itself (RFC 6177). */
export const networkOf = (address: string): string => {
  if (!address.includes(":")) return address
  const [head = "", tail] = address.split("::")
  const start = head.split(":").filter((group) => group !== "")
  const end = tail?.split(":").filter((group) => group !== "") ?? []
  const zeros = Array.from({ length: Math.max(0, 8 - start.length - end.length) }, () => "0")
  return [...start, ...zeros, ...end].slice(0, 4).join(":")
}
