import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import { WriteStall } from "../../src/gateway/Connection.ts"
import { eventually } from "../support/Eventually.ts"
import { startGateway } from "../support/Gateway.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { chunk } from "./faults.ts"

const flood = `data: ${JSON.stringify(chunk({ content: "x".repeat(16_000) }))}\n\n`

/** Writes as much of a stream as is taken, without an end. */
const startUpstream = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly open: Set<ServerResponse>; readonly close: () => void }>(
    (resume) => {
      const open = new Set<ServerResponse>()
      const server = createServer((request, response) => {
        if (request.method === "GET") {
          response.end('{"data":[]}')
          return
        }
        open.add(response)
        response.on("close", () => open.delete(response))
        response.writeHead(200, { "content-type": "text/event-stream" })
        const pour = () => {
          while (!response.destroyed && response.write(flood));
        }
        response.on("drain", pour)
        request.resume().on("end", pour)
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, open, close }))
      })
    }
  ),
  ({ close }) => Effect.sync(close)
)

/** A client that asks for a stream and does not read it. */
const client = (url: string, key: string) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const { hostname, port } = new URL(url)
      const body = JSON.stringify({ model: "openai/any", stream: true, messages: [{ role: "user", content: "Hello" }] })
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
            `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
        )
        resume(Effect.succeed(socket))
      })
      socket.on("error", () => {})
      socket.pause()
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("a client that stops reading its stream", () => {
  it.live("is cut off after a while, with its provider's connection, and told of as one that left", () =>
    Effect.gen(function* () {
      const upstream = yield* startUpstream
      const gateway = yield* Effect.provideService(
        startGateway({ providers: providers({ openai: openAiSettings(upstream.url) }) }),
        WriteStall,
        400
      )
      const key = yield* gateway.makeKey()
      yield* client(gateway.url, key)
      yield* eventually(Effect.sync(() => upstream.open.size === 1))
      yield* eventually(Effect.sync(() => upstream.open.size === 0))
      yield* eventually(
        Effect.map(
          gateway.admin("GET", "/usage?status=cancelled"),
          ({ json }) => json.data.length === 1 && json.data[0].tokens_completion > 0
        )
      )
    }).pipe(Effect.scoped)
  )
})
