import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"
import { connect, type Socket } from "node:net"
import { WriteStall } from "../../src/gateway/Connection.ts"
import { eventually } from "../support/Eventually.ts"
import { adminKey, gatewayAt, startGateway } from "../support/Gateway.ts"
import { startProcess } from "../support/GatewayProcess.ts"
import { openAiSettings, providers } from "../support/Upstreams.ts"
import { chunk } from "./faults.ts"

const frame = (content: string) => `data: ${JSON.stringify(chunk({ content }))}\n\n`
const flood = frame("x".repeat(16_000))

/** `…/flood` writes as much as is taken of it, `…/clock` the time, each 100 ms; both without an end. */
const startUpstream = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly open: Set<ServerResponse>; readonly close: () => void }>(
    (resume) => {
      const open = new Set<ServerResponse>()
      const timers = new Set<NodeJS.Timeout>()
      const server = createServer((request, response) => {
        if (request.method === "GET") {
          response.end('{"data":[]}')
          return
        }
        open.add(response)
        response.on("close", () => open.delete(response))
        let body = ""
        request.on("data", (bytes) => (body += bytes))
        request.on("end", () => {
          response.writeHead(200, { "content-type": "text/event-stream" })
          if (body.includes('"clock"')) {
            const timer = setInterval(() => response.write(frame(String(performance.now()))), 100)
            timers.add(timer)
            response.on("close", () => clearInterval(timer))
            return
          }
          const pour = () => {
            while (!response.destroyed && response.write(flood));
          }
          response.on("drain", pour)
          pour()
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        const close = () => {
          for (const timer of timers) clearInterval(timer)
          server.closeAllConnections()
          server.close()
        }
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, open, close }))
      })
    }
  ),
  ({ close }) => Effect.sync(close)
)

/** A client that asks for a stream, and reads only if it is told to. */
const client = (url: string, key: string, model: string, onText?: (text: string) => void) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const { hostname, port } = new URL(url)
      const body = JSON.stringify({ model, stream: true, messages: [{ role: "user", content: "Hello" }] })
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
            `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
        )
        resume(Effect.succeed(socket))
      })
      socket.on("error", () => {})
      if (onText === undefined) socket.pause()
      else socket.on("data", (bytes) => onText(bytes.toString("latin1")))
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
      yield* client(gateway.url, key, "openai/flood")
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

  it.live(
    "costs little memory and holds up nobody else",
    () =>
      Effect.gen(function* () {
        const upstream = yield* startUpstream
        const process_ = yield* startProcess({ OPENAI_BASE_URL: upstream.url, XROUTER_ADMIN_KEY: adminKey })
        const gateway = gatewayAt(process_.url, adminKey)
        const key = yield* gateway.makeKey({ tier: "enterprise" })
        const megabytes = () =>
          (Number(readFileSync(`/proc/${process_.pid}/statm`, "latin1").split(" ")[1]) * 4096) / 1e6
        const idle = megabytes()
        yield* Effect.replicateEffect(client(process_.url, key, "openai/flood"), 20, { concurrency: "unbounded" })
        yield* eventually(Effect.sync(() => upstream.open.size === 20))

        const delays: Array<number> = []
        yield* Effect.replicateEffect(
          client(process_.url, key, "openai/clock", (text) => {
            const now = performance.now()
            for (const [, sent] of text.matchAll(/"content":"([\d.]+)"/g)) delays.push(now - Number(sent))
          }),
          30,
          { concurrency: "unbounded" }
        )
        yield* eventually(Effect.sync(() => upstream.open.size === 50))
        yield* eventually(Effect.sync(() => delays.length > 150))
        const early = megabytes()
        delays.length = 0
        yield* eventually(Effect.sync(() => delays.length > 600))

        const sorted = delays.toSorted((a, b) => a - b)
        assert.isBelow(sorted[Math.floor(sorted.length / 2)] ?? Infinity, 50)
        assert.isBelow(early - idle, 100)
        assert.isBelow(megabytes() - early, 50)
      }).pipe(Effect.scoped),
    40_000
  )
})
