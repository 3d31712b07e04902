import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
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
