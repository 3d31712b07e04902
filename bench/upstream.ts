/**
 * The mock upstream: a process that must never be what is measured. It reads no more HTTP than it needs (the request line,
 * a length, the end of the head) and writes answers that are ready. Tells its port to the process that started it.
 */
import { createServer, type Socket } from "node:net"
import { type Dialect, dialects, models } from "./dialects.ts"

const headEnd = Buffer.from("\r\n\r\n")
const streamed = Buffer.from('"stream":true')
const notFound = Buffer.from("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
const noLength = Buffer.from("HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\n\r\n")

/** The dialect of a head's request line. */
const dialectOf = (head: string): Dialect | undefined =>
  dialects.find(({ path }) => head.startsWith(path, "POST ".length) && head[path.length + "POST ".length] === " ")

/** Answers the first request of the bytes; returns how many it took, 0 while the request is not whole. */
const answerFirst = (socket: Socket, bytes: Buffer): number => {
  const end = bytes.indexOf(headEnd)
  if (end === -1) return 0
  const bodyStart = end + headEnd.length
  const head = bytes.toString("latin1", 0, end)
  if (head.startsWith("GET ")) {
    socket.write(head.startsWith("/v1/models ", "GET ".length) ? models : notFound)
    return bodyStart
  }
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined) {
    socket.end(noLength)
    return bytes.length
  }
  const bodyEnd = bodyStart + Number(length)
  if (bytes.length < bodyEnd) return 0
  const dialect = dialectOf(head)
  if (dialect === undefined) socket.write(notFound)
  else socket.write(bytes.subarray(bodyStart, bodyEnd).includes(streamed) ? dialect.stream : dialect.json)
  return bodyEnd
}

const server = createServer({ noDelay: true }, (socket) => {
  let waiting = Buffer.alloc(0)
  socket.on("data", (bytes) => {
    waiting = waiting.length === 0 ? bytes : Buffer.concat([waiting, bytes])
    for (let taken = -1; taken !== 0 && waiting.length > 0; waiting = waiting.subarray(taken)) {
      taken = answerFirst(socket, waiting)
    }
  })
  socket.on("error", () => socket.destroy())
})

server.listen(0, "127.0.0.1", () => process.send?.(server.address()))
process.on("disconnect", () => process.exit())
