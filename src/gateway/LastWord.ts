import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import type { HttpServerRequest } from "effect/http"
import { ServerResponse } from "node:http"
import type { XRouterError } from "../domain/Errors.ts"
import { closeAfterResponse } from "./Connection.ts"
import { errorFrame, toWire } from "./ErrorResponse.ts"
import type { RequestContext } from "./RequestContext.ts"

/**
 * Ends an answer that will not be finished: with an error frame, where it is a stream that has begun, and with the error's own answer where
 * nothing was said yet. Written past the request's fiber, which waits for a provider and is broken off after this.
 */
export const lastWord = (
  request: HttpServerRequest.HttpServerRequest,
  context: RequestContext,
  error: XRouterError,
  resourceMetadata: string
): void => {
  const response = NodeHttpServerRequest.toServerResponse(request)
  if (!(response instanceof ServerResponse) || response.writableEnded || response.destroyed) return
  const options = { requestId: context.requestId, traceId: context.trace?.traceId, resourceMetadata }
  if (!response.headersSent) {
    const { body, headers, status } = toWire(error, options)
    context.error = error
    context.status = status
    response.writeHead(status, {
      ...headers,
      "content-type": "application/json",
      "x-request-id": context.requestId,
      connection: "close"
    })
    endWith(response, JSON.stringify(body))
  } else if (context.stream) {
    context.error = error
    closeAfterResponse(request)
    endWith(response, errorFrame(error, options))
  }
}

const endWith = (response: ServerResponse, text: string): void => {
  // What the fiber may write before it ends comes too late, and is no fault.
  response.on("error", () => {})
  response.end(text)
}
