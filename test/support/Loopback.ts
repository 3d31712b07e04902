import { Effect } from "effect"
import { createServer } from "node:net"

/** Lets the event loop turn, I/O included, without a clock. */
export const eventLoopTurns = Effect.callback<void>((resume) => {
  const turn = (left: number): void => {
    if (left === 0) resume(Effect.void)
    else setImmediate(() => turn(left - 1))
  }
  turn(200)
})

/** A port of the loopback on which nobody listens. */
export const closedPort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** A server below HTTP: it takes connections and says nothing. */
export const muteServer = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly stop: Effect.Effect<void> }>((resume) => {
    const server = createServer((socket) => {
      socket.on("error", () => {})
      server.once("stop", () => socket.destroy())
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const stop = Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.emit("stop")
      })
      resume(Effect.succeed({ port, stop }))
    })
  }),
  ({ stop }) => stop
)
