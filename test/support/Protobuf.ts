/** A message of protobuf without its schema: what stands under each number, in order. */
export interface Message {
  /** Those under the last number of the path. */
  readonly messages: (...path: ReadonlyArray<number>) => ReadonlyArray<Message>
  readonly texts: (number: number) => ReadonlyArray<string>
  readonly hex: (number: number) => string | undefined
  readonly integer: (number: number) => bigint | undefined
  readonly double: (number: number) => number | undefined
}

export const readMessage = (bytes: Uint8Array): Message => {
  const fields = new Map<number, Array<Uint8Array | bigint>>()
  const view = Buffer.from(bytes)
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.readUInt8(at++)
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  const take = (length: number): Uint8Array => view.subarray(at, (at += length))
  const value = (kind: number): Uint8Array | bigint => {
    switch (kind) {
      case 0:
        return varint()
      case 1:
        return take(8)
      case 2:
        return take(Number(varint()))
      case 5:
        return take(4)
      default:
        throw new Error(`no wire type of protobuf: ${kind}`)
    }
  }
  while (at < view.length) {
    const tag = Number(varint())
    const known = fields.get(tag >> 3) ?? []
    known.push(value(tag & 7))
    fields.set(tag >> 3, known)
  }
  const parts = (number: number) =>
    (fields.get(number) ?? []).map((field) => {
      if (typeof field === "bigint") throw new Error(`field ${number} is a number`)
      return Buffer.from(field)
    })
  const children = (number: number) => parts(number).map(readMessage)
  return {
    messages: (...path) =>
      path.reduce<ReadonlyArray<Message>>(
        (found, number, index) =>
          index === 0 ? children(number) : found.flatMap((message) => message.messages(number)),
        []
      ),
    texts: (number) => parts(number).map((part) => part.toString("utf8")),
    hex: (number) => parts(number)[0]?.toString("hex"),
    integer: (number) => {
      const field = fields.get(number)?.[0]
      return field instanceof Uint8Array ? Buffer.from(field).readBigUInt64LE() : field
    },
    double: (number) => parts(number)[0]?.readDoubleLE()
  }
}
