/** The load generator: N connections kept alive, each with one request at a time, as fast as they are answered. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { answerOf, type Framing, framingOf, isWhole } from "./http-answer.ts"
import { faultOf, type Kind, rawRequest } from "./traffic.ts"

export interface Load {
  readonly port: number
  readonly apiKey: string
  readonly kind: Kind
  readonly connections: number
  readonly millis: number
}

export interface Outcome {
  readonly answers: number
  /** Wrong or broken answers, and connections that were lost. */
  readonly errors: number
  readonly firstError: string | undefined
  readonly seconds: number
  /** Milliseconds from a request's write to its answer's last byte, ascending. */
  readonly latencies: Float64Array
}

/** After the time is up the answers that are under way are waited for, so long. */
const graceMillis = 10_000
/** Every answer is checked by status and size; one in so many, and each of an unusual size, is read whole. */
const readWholeEvery = 64

/** `onStart` is called when all connections stand and before the first request. */
export const run = async (load: Load, onStart: () => void = () => {}): Promise<Outcome> => {
  const sockets = await Promise.all(Array.from({ length: load.connections }, () => open(load.port)))
  const request = rawRequest(load.kind, load.port, load.apiKey)
  const latencies: Array<number> = []
  const sizes = new Set<number>()
  let errors = 0
  let firstError: string | undefined

  onStart()
  const startedAt = performance.now()
  const until = startedAt + load.millis

  const fault = (text: string) => {
    errors += 1
    firstError ??= text
  }
  /** Notes an answer; one whose size was right before is taken as right, save now and then. */
  const note = (framing: Framing, bytes: Buffer, sentAt: number) => {
    latencies.push(performance.now() - sentAt)
    const size = bytes.length - framing.bodyStart
    const known = framing.head.startsWith("HTTP/1.1 200 ") && sizes.has(size)
    if (known && latencies.length % readWholeEvery !== 0) return
    const wrong = checked(load.kind, framing, bytes)
    if (wrong === undefined) sizes.add(size)
    else fault(wrong)
  }
  const converse = (socket: Socket): Promise<void> =>
    new Promise((done) => {
      let received = Buffer.alloc(0)
      let framing: Framing | undefined
      let sentAt = 0
      const ask = () => {
        if (performance.now() >= until) return done()
        received = received.subarray(0, 0)
        framing = undefined
        sentAt = performance.now()
        socket.write(request)
      }
      socket.on("data", (bytes) => {
        received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
        framing ??= framingOf(received)
        if (framing === undefined || !isWhole(framing, received)) return
        note(framing, received, sentAt)
        ask()
      })
      socket.on("error", () => {})
      socket.on("close", () => {
        fault(`the connection was closed after ${received.length} bytes of an answer`)
        done()
      })
      ask()
    })

  const patience = setTimeout(() => sockets.forEach((socket) => socket.destroy()), load.millis + graceMillis)
  await Promise.all(sockets.map(converse))
  const seconds = (performance.now() - startedAt) / 1000
  clearTimeout(patience)
  for (const socket of sockets) socket.removeAllListeners("close").destroy()
  return { answers: latencies.length, errors, firstError, seconds, latencies: Float64Array.from(latencies).sort() }
}

const open = async (port: number): Promise<Socket> => {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true })
  await once(socket, "connect")
  return socket
}

const checked = (kind: Kind, framing: Framing, bytes: Buffer): string | undefined => {
  try {
    return faultOf(kind, answerOf(framing, bytes))
  } catch (error) {
    return `the answer cannot be read: ${String(error)}`
  }
}
