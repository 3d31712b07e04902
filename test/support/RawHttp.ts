import { Effect } from "effect"
import { connect } from "node:net"

/** What a client that writes its own bytes gets back, up to the end of the connection or `until` is in it. */
export const rawExchange = (
  url: string,
  bytes: string | Uint8Array | ReadonlyArray<string | Uint8Array>,
  until?: string
): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let received = ""
    const done = () => {
      socket.destroy()
      resume(Effect.succeed(received))
    }
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1")
      if (until !== undefined && received.includes(until)) done()
    })
    socket.on("close", done)
    socket.on("error", done)
    for (const piece of typeof bytes === "string" || bytes instanceof Uint8Array ? [bytes] : bytes) socket.write(piece)
    return Effect.sync(() => socket.destroy())
  })

/** The answers to requests that are sent over one connection, each after the answer before; every answer has to tell its length. */
export const rawConversation = (url: string, requests: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.callback((resume) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const answers: Array<string> = []
    let received = ""
    const next = () => {
      const request = requests[answers.length]
      if (request === undefined) socket.end()
      else socket.write(request)
    }
    socket.on("connect", next)
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1")
      const head = received.indexOf("\r\n\r\n") + 4
      const length = /^content-length: (\d+)\r$/im.exec(received.slice(0, Math.max(0, head - 2)))?.[1]
      if (head < 4 || length === undefined || received.length < head + Number(length)) return
      answers.push(received)
      received = ""
      next()
    })
    socket.on("error", () => socket.destroy())
    socket.on("close", () => resume(Effect.succeed(answers)))
    return Effect.sync(() => socket.destroy())
  })

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

/** The JSON after the head. */
export const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))
