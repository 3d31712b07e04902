/** As much of HTTP/1.1 as a client needs that has one request at a time on a connection. */
export interface HttpAnswer {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

const headEnd = Buffer.from("\r\n\r\n")
const lastChunk = Buffer.from("\r\n0\r\n\r\n")

/** Where the answer's head ends and how its body does; undefined while the head is not whole. */
export const framingOf = (bytes: Buffer): Framing | undefined => {
  const end = bytes.indexOf(headEnd)
  if (end === -1) return undefined
  const head = bytes.toString("latin1", 0, end)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  return { head, bodyStart: end + headEnd.length, length: length === undefined ? undefined : Number(length) }
}

export interface Framing {
  readonly head: string
  readonly bodyStart: number
  /** Bytes of the body; undefined: in chunks. */
  readonly length: number | undefined
}

/** Nothing follows an answer before the next request, so its last chunk is what it ends with. */
export const isWhole = ({ bodyStart, length }: Framing, bytes: Buffer): boolean =>
  length === undefined
    ? bytes.length >= bodyStart + lastChunk.length - 2 && bytes.subarray(-lastChunk.length).equals(lastChunk)
    : bytes.length >= bodyStart + length

export const answerOf = ({ bodyStart, head, length }: Framing, bytes: Buffer): HttpAnswer => ({
  status: Number(head.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length)),
  head,
  body: length === undefined ? unchunked(bytes.subarray(bodyStart)) : bytes.subarray(bodyStart, bodyStart + length)
})

const unchunked = (bytes: Buffer): Buffer => {
  const parts: Array<Buffer> = []
  for (let at = 0; at < bytes.length;) {
    const lineEnd = bytes.indexOf("\r\n", at)
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16)
    if (!(size > 0)) break
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
  return Buffer.concat(parts)
}
