import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect } from "effect"
import type { HttpServerError, HttpServerRequest } from "effect/http"
import { ValidationError } from "../domain/Errors.ts"

export const tooLarge = new ValidationError({
  reason: "body_too_large",
  message: "The body is larger than this gateway accepts (XROUTER_MAX_BODY)"
})

const cutOff = new ValidationError({ reason: "invalid_request", message: "The body could not be read to its end" })

/**
 * The whole body, at most `limit` bytes of it: past that the reading stops and nothing is kept. Node's events are listened to
 * here and not through `request.arrayBuffer`, which answers only when the stream has closed, and costs more than all else that is
 * done with a body; but that knows how to tell a client that waits for it to go on (`Expect: 100-continue`).
 */
export const readBytes = (
  request: HttpServerRequest.HttpServerRequest,
  limit: number
): Effect.Effect<Uint8Array, ValidationError> =>
  NodeHttpServerRequest.toIncomingMessage(request).headers.expect === undefined
    ? listen(request, limit)
    : Effect.mapBoth(request.arrayBuffer, { onSuccess: (buffer) => new Uint8Array(buffer), onFailure: unreadable })

const listen = (request: HttpServerRequest.HttpServerRequest, limit: number) =>
  Effect.callback<Uint8Array, ValidationError>((resume) => {
    const source = NodeHttpServerRequest.toIncomingMessage(request)
    const chunks: Array<Uint8Array> = []
    let size = 0
    const stop = () => {
      source.off("data", onData)
      source.off("end", onEnd)
      source.off("error", onError)
    }
    const onData = (chunk: Uint8Array) => {
      size += chunk.length
      if (size <= limit) {
        chunks.push(chunk)
        return
      }
      stop()
      source.pause()
      resume(Effect.fail(tooLarge))
    }
    const onEnd = () => {
      stop()
      const [only] = chunks
      resume(Effect.succeed(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, size)))
    }
    const onError = () => {
      stop()
      resume(Effect.fail(cutOff))
    }
    source.on("data", onData)
    source.on("end", onEnd)
    source.on("error", onError)
    return Effect.sync(stop)
  })

const unreadable = (error: HttpServerError.HttpServerError): ValidationError =>
  error.reason._tag === "RequestParseError" && error.reason.reason === "BodyTooLarge" ? tooLarge : cutOff
