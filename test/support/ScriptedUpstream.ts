import { Deferred, Effect, FiberSet, type Latch, Queue, type Scope } from "effect"
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createHttpsServer, type ServerOptions } from "node:https"
import type { Socket } from "node:net"

/**
 * A real HTTP server on a free port of the loopback that answers as it is told, and remembers what it was asked. It never
 * waits for time: where a test must hold it back, it gives a `Latch`.
 */
export interface ScriptedUpstream {
  /** `http://127.0.0.1:port`, or https. */
  readonly url: string
  /** Every request that came whole, in order. */
  readonly requests: ReadonlyArray<Received>
  /** The next request that nobody has taken yet, as soon as it is there. */
  readonly take: Effect.Effect<Received>
  /** Sockets that were opened in all. */
  readonly connections: () => number
  /** Those of them that are open still. */
  readonly open: () => number
  /** Requests that came after the end of the script; they were answered 599. */
  readonly unexpected: () => number
}

export interface Received {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly text: string
  readonly bytes: Uint8Array
  /** The body as JSON; undefined where it is none. */
  readonly body: unknown
  /** Which socket it came on: 1 is the first. */
  readonly connection: number
  /** Done when the connection closed before the answer was whole: the client left. */
  readonly abandoned: Effect.Effect<void>
}

interface Exchange {
  readonly request: Received
  readonly response: ServerResponse
  readonly socket: Socket
}

/** What is done with one request. Steps run one after the other. */
export type Step = (exchange: Exchange) => Effect.Effect<void>

export const steps =
  (...steps: ReadonlyArray<Step>): Step =>
  (exchange) =>
    Effect.forEach(steps, (step) => step(exchange), { discard: true })

/** Status line and headers, sent at once. */
export const head =
  (status: number, headers: Readonly<Record<string, string>> = {}): Step =>
  ({ response }) =>
    Effect.sync(() => {
      response.writeHead(status, headers)
      response.flushHeaders()
    })

/** A piece of the body in a packet of its own; done when the kernel took it, so a client that stops reading holds it back. */
export const write =
  (piece: string | Uint8Array): Step =>
  ({ response }) =>
    Effect.callback((resume) => {
      response.write(piece, () => resume(Effect.void))
    })

export const end: Step = ({ response }) =>
  Effect.callback((resume) => {
    response.end(() => resume(Effect.void))
  })

/** Holds until the test opens the latch. */
export const wait =
  (latch: Latch.Latch): Step =>
  () =>
    latch.await

/** Tells the test that the script has come so far. */
export const tell =
  (latch: Latch.Latch): Step =>
  () =>
    Effect.asVoid(latch.open)

/** Nothing more, until the client leaves. */
export const hang: Step = ({ request }) => request.abandoned

/** RST. */
export const reset: Step = ({ socket }) => Effect.sync(() => socket.resetAndDestroy())

/** FIN, wherever the answer is. */
export const close: Step = ({ socket }) => Effect.sync(() => socket.destroy())

/** Bytes past HTTP: what stands here goes out on the socket as it is. */
export const raw =
  (bytes: string | Uint8Array): Step =>
  ({ socket }) =>
    Effect.callback((resume) => {
      socket.write(bytes, () => resume(Effect.void))
    })

export const text = (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Step =>
  steps(head(status, headers), write(body), end)

export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Step =>
  text(status, JSON.stringify(body), { "content-type": "application/json", ...headers })

/** One event; what is no string is written as JSON. */
export const frame = (data: unknown): Step =>
  write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`)

export const sseHead: Step = head(200, { "content-type": "text/event-stream; charset=utf-8" })

/** A whole event stream, each event in a packet of its own, `[DONE]` not added. */
export const sse = (...events: ReadonlyArray<unknown>): Step => steps(sseHead, ...events.map(frame), end)

/** A whole stream of JSON lines, each in a packet of its own. */
export const ndjson = (...lines: ReadonlyArray<unknown>): Step =>
  steps(
    head(200, { "content-type": "application/json" }),
    ...lines.map((line) => write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`)),
    end
  )

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * `script` is a list, one step a request in the order of arrival, or a function that chooses by the request. The server dies
 * with the scope, and every connection with it.
 */
export const make = Effect.fnUntraced(function* (
  script: ReadonlyArray<Step> | ((request: Received) => Step),
  options: { readonly tls?: ServerOptions | undefined } = {}
): Effect.fn.Return<ScriptedUpstream, never, Scope.Scope> {
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const arrivals = yield* Queue.unbounded<Received>()
  const requests: Array<Received> = []
  const sockets = new Map<Socket, number>()
  let unexpected = 0
  let open = 0

  const unscripted: Step = (exchange) => {
    unexpected++
    return json(599, { error: { message: "The script has no answer to this request" } })(exchange)
  }

  const receive = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    const left = Deferred.makeUnsafe<void>()
    const body: Array<Buffer> = []
    response.on("close", () => {
      if (!response.writableFinished) Deferred.doneUnsafe(left, Effect.void)
    })
    request.on("data", (piece: Buffer) => body.push(piece))
    request.on("end", () => {
      const bytes = Buffer.concat(body)
      const text = bytes.toString("utf8")
      const received: Received = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        text,
        bytes,
        body: parsed(text),
        connection: sockets.get(socket) ?? 0,
        abandoned: Deferred.await(left)
      }
      const step = typeof script === "function" ? script(received) : (script[requests.length] ?? unscripted)
      requests.push(received)
      Queue.offerUnsafe(arrivals, received)
      run(step({ request: received, response, socket }))
    })
  }

  const server = options.tls === undefined ? createHttpServer(receive) : createHttpsServer(options.tls, receive)
  server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) => {
    socket.setNoDelay(true)
    // A reset by the client is what many a test is about.
    socket.on("error", () => {})
    sockets.set(socket, sockets.size + 1)
    open++
    socket.once("close", () => open--)
  })
  const port = yield* Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )

  return {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    requests,
    take: Queue.take(arrivals),
    connections: () => sockets.size,
    open: () => open,
    unexpected: () => unexpected
  }
})
