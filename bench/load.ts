/** The load generator: N connections kept alive, each with one request at a time. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { type Framing, framingOf, isWhole } from "./http-answer.ts"
import { type Outcome, Tally } from "./tally.ts"
import { type Address, type Ask, rawRequest } from "./traffic.ts"

export interface Load {
  readonly address: Address
  readonly ask: Ask
  readonly connections: number
  readonly millis: number
  /** The connections' first requests are spread over so long; without it all start at once. */
  readonly spreadMillis?: number | undefined
  /** From one request of a connection to its next, if it is answered by then; without it the next follows the answer. */
  readonly gapMillis?: number | undefined
}

/** Connected, and not asking yet. */
export interface Prepared {
  /** To be called once. */
  readonly run: () => Promise<Outcome>
  /** Milliseconds that the pieces of paced streams took to come, so far and in that order. */
  readonly delays: () => ReadonlyArray<number>
}

/** After the time is up the answers that are under way are waited for, so long. */
const graceMillis = 15_000

export const prepare = async (load: Load): Promise<Prepared> => {
  const { address, ask, connections, millis, spreadMillis = 0 } = load
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(address.port)))
  const request = rawRequest(ask, address)
  const tally = new Tally(ask)

  const run = async (): Promise<Outcome> => {
    const startedAt = performance.now()
    const step = spreadMillis / connections
    const patience = setTimeout(() => sockets.forEach((socket) => socket.destroy()), millis + graceMillis)
    const times = { until: startedAt + millis, gapMillis: load.gapMillis }
    await Promise.all(
      sockets.map((socket, index) => converse(socket, request, tally, { ...times, firstAt: startedAt + index * step }))
    )
    const seconds = (performance.now() - startedAt) / 1000
    clearTimeout(patience)
    for (const socket of sockets) socket.destroy()
    return tally.outcome(seconds)
  }
  return { run, delays: () => tally.delays }
}

interface Times {
  readonly firstAt: number
  readonly until: number
  readonly gapMillis: number | undefined
}

/** Asks and is answered, over and over, until the time is up or the connection is lost. */
const converse = (socket: Socket, request: Buffer, tally: Tally, { firstAt, gapMillis, until }: Times): Promise<void> =>
  new Promise((done) => {
    let received = Buffer.alloc(0)
    let framing: Framing | undefined
    let sentAt = 0
    let hasPieces = false
    let due = firstAt
    const lost = () => {
      tally.fault(`the connection was closed after ${received.length} bytes of an answer`)
      done()
    }
    const ask = () => {
      if (performance.now() >= until) {
        // A server may close it while others are waited for.
        socket.off("close", lost)
        return done()
      }
      received = received.subarray(0, 0)
      framing = undefined
      hasPieces = false
      sentAt = performance.now()
      due = Math.max(due + (gapMillis ?? 0), sentAt)
      socket.write(request)
    }
    const askWhenDue = () => {
      const wait = due - performance.now()
      if (wait > 0) setTimeout(ask, wait)
      else ask()
    }
    socket.on("data", (bytes) => {
      if (tally.pieces(bytes, sentAt, !hasPieces)) hasPieces = true
      received = received.length === 0 ? bytes : Buffer.concat([received, bytes])
      framing ??= framingOf(received)
      if (framing === undefined || !isWhole(framing, received)) return
      tally.answer(framing, received, sentAt)
      askWhenDue()
    })
    socket.on("error", () => {})
    socket.on("close", lost)
    askWhenDue()
  })

const open = async (port: number): Promise<Socket> => {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true })
  await once(socket, "connect")
  return socket
}
