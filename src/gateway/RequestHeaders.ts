import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import type { HttpServerRequest } from "effect/http"
import { ValidationError } from "../domain/Errors.ts"

/** Fields of a request's head; Node would drop what is over its own limit in silence. */
const mostFields = 100

/** Fields that decide who is asked and who asks: of two, different readers would believe different ones. */
const single: ReadonlySet<string> = new Set(["host", "authorization", "content-length", "content-type"])

/** What is wrong with the request's head beyond what Node's parser refuses by itself. */
export const headerFault = (request: HttpServerRequest.HttpServerRequest): ValidationError | undefined => {
  const { rawHeaders } = NodeHttpServerRequest.toIncomingMessage(request)
  if (rawHeaders.length > mostFields * 2) {
    return new ValidationError({
      reason: "headers_too_large",
      message: `The request has more than ${mostFields} header fields`
    })
  }
  let seen: Set<string> | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i]
    // The longest and the shortest of the names looked for; spares most fields the lower-casing.
    if (raw === undefined || raw.length < 4 || raw.length > 14) continue
    const name = raw.toLowerCase()
    if (!single.has(name)) continue
    seen ??= new Set()
    if (seen.has(name)) {
      return new ValidationError({ reason: "invalid_request", message: `The request has more than one ${name} header` })
    }
    seen.add(name)
  }
  return undefined
}
