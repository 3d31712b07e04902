import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Data, Effect } from "effect"
import { type IncomingMessage, request as send } from "node:http"
import type { Duplex } from "node:stream"
import { Readable } from "node:stream"
import { Settings } from "../config/Settings.ts"
import { connectionPair } from "./MemoryConnection.ts"
import { gatewayHandler } from "./Mounted.ts"
import { createNodeServer } from "./NodeServer.ts"

/** There is no answer: the caller has left, or the handler was closed. */
export class BrokenOff extends Data.TaggedError("BrokenOff")<{ readonly cause: unknown }> {}

/** What a fetch-style runtime calls for each request. */
export type WebHandler = (request: Request) => Effect.Effect<Response, BrokenOff>

/**
 * The gateway for a runtime that gives a `Request` and wants a `Response` (Fetch standard), on Node. The request goes to Node's own HTTP
 * server over a connection in memory, so that whatever the gateway does with requests and connections holds here too, and nothing listens.
 * The answer's body comes as the provider sends it; cancelling it, or aborting the request, closes the provider's connection.
 */
export const makeWebHandler = Effect.gen(function* () {
  const { publicUrl } = yield* Settings
  const handler = yield* NodeHttpServer.makeHandler(yield* gatewayHandler, { scope: yield* Effect.scope })
  const server = createNodeServer(publicUrl).on("request", handler)
  const open = new Set<Duplex>()
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const connection of open) connection.destroy()
    })
  )
  const serve: WebHandler = (request) =>
    Effect.callback((resume) => {
      const { far, near } = connectionPair()
      open.add(near)
      near.once("close", () => open.delete(near))
      const { host, pathname, search } = new URL(request.url)
      const message = send({
        createConnection: () => near,
        method: request.method,
        path: pathname + search,
        headers: { host, ...Object.fromEntries(request.headers) },
        signal: request.signal
      })
      message.once("response", (answer) => resume(Effect.succeed(responseOf(answer))))
      message.on("error", (cause) => resume(Effect.fail(new BrokenOff({ cause }))))
      server.emit("connection", far)
      if (request.body === null) message.end()
      else Readable.fromWeb(request.body).pipe(message)
      return Effect.sync(() => message.destroy())
    })
  return serve
})

/** Headers that are of a connection, and not of the answer (RFC 9110, section 7.6.1). */
const ofConnection = new Set(["connection", "keep-alive", "transfer-encoding"])

/** Statuses whose answers have no body (Fetch, "null body status"). */
const withoutBody = new Set([204, 205, 304])

const responseOf = (answer: IncomingMessage): Response => {
  const headers = new Headers()
  for (const [name, values] of Object.entries(answer.headersDistinct)) {
    if (ofConnection.has(name)) continue
    for (const value of values ?? []) headers.append(name, value)
  }
  const status = answer.statusCode ?? 500
  if (!withoutBody.has(status)) return new Response(Readable.toWeb(answer), { status, headers })
  answer.resume()
  return new Response(null, { status, headers })
}
