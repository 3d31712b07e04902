/**
 * The fields of a message of protobuf by their numbers, the last one of each: numbers as they are, everything else as its bytes. Undefined
 * where the bytes are no message.
 */
export const readFields = (bytes: Uint8Array): ReadonlyMap<number, bigint | Uint8Array> | undefined => {
  const fields = new Map<number, bigint | Uint8Array>()
  let at = 0

  const varint = (): bigint | undefined => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) return undefined
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    return undefined
  }

  const take = (length: number): Uint8Array | undefined => {
    const end = at + length
    if (end > bytes.length) return undefined
    const taken = bytes.subarray(at, end)
    at = end
    return taken
  }

  const valueOf = (wireType: bigint): bigint | Uint8Array | undefined => {
    if (wireType === 0n) return varint()
    if (wireType === 1n) return take(8)
    if (wireType === 2n) return take(Number(varint() ?? Number.NaN))
    return wireType === 5n ? take(4) : undefined
  }

  while (at < bytes.length) {
    const tag = varint()
    const value = tag === undefined ? undefined : valueOf(tag & 7n)
    if (tag === undefined || value === undefined) return undefined
    fields.set(Number(tag >> 3n), value)
  }
  return fields
}
