import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Context } from "effect"
import type { HttpServerRequest } from "effect/http"

/**
 * Closes the client's connection once the answer has been written to its end. After an error frame this tells apart a stream
 * that broke from one that ended, for clients that look at nothing else.
 */
export const closeAfterResponse = (request: HttpServerRequest.HttpServerRequest): void => {
  const response = NodeHttpServerRequest.toServerResponse(request)
  const { socket } = NodeHttpServerRequest.toIncomingMessage(request)
  response.once("finish", () => socket.end())
}

/** How long a client may leave bytes of a stream lying that wait for it, in milliseconds. */
export const WriteStall = Context.Reference<number>("xrouter/gateway/WriteStall", { defaultValue: () => 60_000 })

/**
 * Cuts off a client that takes nothing of its stream for so long although something waits for it: its provider's connection, which
 * is paused meanwhile, and its places go to others. A quiet stream is not touched, and slow is not stalled: each byte that goes
 * begins the time anew.
 */
export const endWhenStalled = (request: HttpServerRequest.HttpServerRequest, millis: number): void => {
  const { socket } = NodeHttpServerRequest.toIncomingMessage(request)
  NodeHttpServerRequest.toServerResponse(request).setTimeout(millis, () => {
    if (socket.writableLength > 0) socket.destroy()
  })
}
