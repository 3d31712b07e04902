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

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])

/** The JSON after the head. */
export const bodyOf = (answer: string) => JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))
