/**
 * The mock upstream: a process that must never be what is measured. It reads no more HTTP than it needs (the request line,
 * a length, the end of the head) and writes answers that are ready. Tells its port to the process that started it.
 */
import { createServer, type Socket } from "node:net"
import { type Pace, paceIn, stamp } from "./conversation.ts"
import { dialects, httpChunk, lastChunk, models, type Rendered, token, tokenPath } from "./dialects.ts"

const headEnd = Buffer.from("\r\n\r\n")
const streamed = Buffer.from('"stream":true')
const notFound = Buffer.from("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
const noLength = Buffer.from("HTTP/1.1 411 Length Required\r\ncontent-length: 0\r\n\r\n")

const isFor = (head: string, method: string, path: string): boolean =>
  head.startsWith(path, method.length + 1) && head[method.length + 1 + path.length] === " "

const answerTo = (socket: Socket, head: string, body: Buffer): void => {
  const dialect = dialects.find(({ path }) => isFor(head, "POST", path))
  if (dialect === undefined) {
    socket.write(isFor(head, "POST", tokenPath) ? token() : notFound)
    return
  }
  if (!body.includes(streamed)) {
    socket.write(dialect.json)
    return
  }
  const pace = paceIn(body)
  if (pace === undefined) socket.write(dialect.stream)
  else speak(socket, dialect, pace)
}

/** The first piece at once, the others one by one. */
const speak = (socket: Socket, { end, piece, streamHead }: Rendered, { everyMillis, pieces }: Pace): void => {
  let said = 0
  let soFar = ""
  const next = (): string => {
    const text = stamp()
    soFar += text
    return httpChunk(piece(said++, text, soFar))
  }
  const timer = setInterval(() => {
    const chunk = next()
    if (said < pieces) {
      socket.write(chunk)
      return
    }
    silence()
    socket.off("close", silence)
    socket.write(chunk + end(soFar).map(httpChunk).join("") + lastChunk)
  }, everyMillis)
  const silence = () => clearInterval(timer)
  socket.once("close", silence)
  socket.write(streamHead + next())
}

/** Answers the first request of the bytes; returns how many it took, 0 while the request is not whole. */
const answerFirst = (socket: Socket, bytes: Buffer): number => {
  const end = bytes.indexOf(headEnd)
  if (end === -1) return 0
  const bodyStart = end + headEnd.length
  const head = bytes.toString("latin1", 0, end)
  if (head.startsWith("GET ")) {
    socket.write(/^GET \S*\/models /.test(head) ? models : notFound)
    return bodyStart
  }
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length === undefined) {
    socket.end(noLength)
    return bytes.length
  }
  const bodyEnd = bodyStart + Number(length)
  if (bytes.length < bodyEnd) return 0
  answerTo(socket, head, bytes.subarray(bodyStart, bodyEnd))
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
