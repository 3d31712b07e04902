/** Writes one message of protobuf into one piece of memory, which grows. */
export class ProtobufWriter {
  private buffer = Buffer.allocUnsafe(initial)
  private at = 0

  /** The message; of no more use for writing. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.at)
  }

  /** A message within. Its length stands before it, and is known after it. */
  message(field: number, write: () => void): void {
    this.tag(field, delimited)
    this.room(1)
    const start = ++this.at
    write()
    const length = this.at - start
    const more = varintLength(length) - 1
    if (more > 0) {
      this.room(more)
      this.buffer.copyWithin(start + more, start, this.at)
    }
    this.at = start - 1
    this.varint(length)
    this.at += length
  }

  string(field: number, text: string): void {
    const length = Buffer.byteLength(text)
    this.tag(field, delimited)
    this.varint(length)
    this.room(length)
    this.at += this.buffer.write(text, this.at)
  }

  /** Bytes, told by their hexadecimal digits. */
  hex(field: number, digits: string): void {
    this.tag(field, delimited)
    this.varint(digits.length / 2)
    this.room(digits.length / 2)
    this.at += this.buffer.write(digits, this.at, "hex")
  }

  /** A whole number that JavaScript tells exactly; negative ones as 64 bits of a two's complement. */
  integer(field: number, value: number): void {
    this.tag(field, 0)
    if (value >= 0) return this.varint(value)
    let rest = BigInt.asUintN(64, BigInt(value))
    this.room(longest)
    for (; rest > 127n; rest >>= 7n) this.buffer[this.at++] = Number(rest & 127n) | 128
    this.buffer[this.at++] = Number(rest)
  }

  double(field: number, value: number): void {
    this.tag(field, 1)
    this.room(8)
    this.at = this.buffer.writeDoubleLE(value, this.at)
  }

  fixed64(field: number, value: bigint): void {
    this.tag(field, 1)
    this.room(8)
    this.at = this.buffer.writeBigUInt64LE(value, this.at)
  }

  fixed32(field: number, value: number): void {
    this.tag(field, 5)
    this.room(4)
    this.at = this.buffer.writeUInt32LE(value, this.at)
  }

  private tag(field: number, type: number): void {
    this.varint(field * 8 + type)
  }

  private varint(value: number): void {
    this.room(longest)
    let rest = value
    for (; rest > 127; rest = Math.floor(rest / 128)) this.buffer[this.at++] = (rest % 128) | 128
    this.buffer[this.at++] = rest
  }

  private room(length: number): void {
    if (this.at + length <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + length))
    this.buffer.copy(larger, 0, 0, this.at)
    this.buffer = larger
  }
}

const initial = 16_384

/** The wire type of what has a length. */
const delimited = 2

/** Bytes of the longest number. */
const longest = 10

const varintLength = (value: number): number => {
  let length = 1
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) length++
  return length
}
