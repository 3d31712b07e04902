import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ByteSize, Context, Effect, Layer } from "effect"
import { HttpIncomingMessage, HttpServer } from "effect/http"
import { createServer, type Server } from "node:http"
import type { Socket } from "node:net"
import { Settings } from "../config/Settings.ts"
import { ValidationError } from "../domain/Errors.ts"
import { writeInBursts } from "../sockets/WriteBursts.ts"
import { toWire } from "./ErrorResponse.ts"
import { makeRequestId } from "./Ids.ts"
import { withRequestScopes } from "./RequestScopes.ts"

/** Time for a request's head, and for all of it; sockets that dawdle are looked for every `checkEvery`. */
const headersTimeout = 15_000
const requestTimeout = 300_000
const checkEvery = 5_000
/** Longer than the balancers before us keep a connection, so that it is they who close an idle one. */
const keepAliveTimeout = 75_000
const maxHeaderSize = 16 * 1024
/**
 * Connections that the kernel holds while the event loop is busy; it takes `net.core.somaxconn` where that is less (4096 by default). A
 * crowd of clients that comes at once fills Node's own 511, and the kernel may reset some that had begun to ask.
 */
const backlog = 4096

/** How long a last word may take to reach its client before the connection is cut. */
const flushTime = "1 second"
const sweepEvery = "200 millis"

/** Node's HTTP server as the gateway wants it: its limits, its end, and the one envelope for what never becomes a request. */
export class NodeServer extends Context.Service<
  NodeServer,
  {
    readonly server: Server
    /** Takes no new connections and closes idle ones, those of answers that run after these; done when there are none. */
    readonly closed: Effect.Effect<void>
  }
>()("xrouter/gateway/NodeServer") {
  static readonly layer = Layer.unwrap(
    Effect.map(Settings, (settings) => {
      const server = createNodeServer(settings.publicUrl)
      const closed = closing(server)
      // Requests have been broken off by now; their connections are not left to their clients.
      const cut = closed.pipe(
        Effect.timeoutOption(flushTime),
        Effect.andThen(Effect.sync(() => server.closeAllConnections()))
      )
      return Layer.mergeAll(
        Layer.effect(
          NodeServer,
          Effect.acquireRelease(Effect.succeed({ server, closed }), () => cut)
        ).pipe(
          Layer.provideMerge(
            Layer.effect(
              HttpServer.HttpServer,
              Effect.map(
                NodeHttpServer.make(() => server, {
                  host: settings.host,
                  port: settings.port,
                  backlog,
                  // When requests end is not the server's to say (`Drain.ts`).
                  disablePreemptiveShutdown: true
                }),
                (own) => withRequestScopes(server, own)
              )
            )
          ),
          Layer.provideMerge(NodeHttpServer.layerHttpServices)
        ),
        Layer.succeed(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(settings.maxBody))
      )
    })
  )
}

/** Not listening yet. */
export const createNodeServer = (publicUrl: string): Server =>
  answerClientErrors(
    createServer({
      headersTimeout,
      requestTimeout,
      connectionsCheckingInterval: checkEvery,
      keepAliveTimeout,
      maxHeaderSize,
      noDelay: true
    }).on("connection", writeInBursts),
    `${publicUrl}/.well-known/oauth-protected-resource/v1`
  )

const closing = (server: Server): Effect.Effect<void> => {
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.once("close", () => sockets.delete(socket))
  })
  const closed = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
  const sweep = (isFirst: boolean) => {
    // Connections fall idle as answers end; Node closes only those that are so at the beginning.
    server.closeIdleConnections()
    // For Node one on which nothing has come yet is not idle but about to bring a request. So it may be, for a moment.
    if (!isFirst) for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }
  const sweeping = Effect.gen(function* () {
    for (let sweeps = 0; ; sweeps++) {
      yield* Effect.sleep(sweepEvery)
      sweep(sweeps === 0)
    }
  })
  return Effect.raceFirst(closed, sweeping)
}

/** What Node's parser refuses (RFC 9112) has no request yet: the answer is written by hand, and the connection closed. */
const answerClientErrors = (server: Server, resourceMetadata: string): Server =>
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy()
      return
    }
    const requestId = makeRequestId()
    const { body, status } = toWire(refusalOf(error.code), { requestId, resourceMetadata })
    const text = JSON.stringify(body)
    socket.end(
      `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\ncontent-type: application/json\r\nx-request-id: ${requestId}\r\n` +
        `content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`
    )
  })

const refusalOf = (code: string | undefined): ValidationError => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return new ValidationError({ reason: "headers_too_large", message: "The request's head is larger than 16 KiB" })
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new ValidationError({ reason: "body_too_large", message: "The body's chunk extensions are too large" })
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new ValidationError({ reason: "request_timeout", message: "The request did not arrive in time" })
    default:
      return new ValidationError({ reason: "invalid_request", message: "This is not a well-formed HTTP request" })
  }
}

const reasonPhrase = (status: number): string => {
  switch (status) {
    case 408:
      return "Request Timeout"
    case 413:
      return "Content Too Large"
    case 431:
      return "Request Header Fields Too Large"
    default:
      return "Bad Request"
  }
}
