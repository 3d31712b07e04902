import { Effect, Layer } from "effect"
import { HttpApiMiddleware } from "effect/http-api"
import { requestErrors } from "./ErrorSchemas.ts"

/**
 * Outermost on every typed endpoint. Those would write the errors that they declare by their schemas, without headers and
 * request id; so errors are raised past them, to the gateway's edge, where the one translation is.
 */
export class RaisedErrors extends HttpApiMiddleware.Service<RaisedErrors>()("xrouter/gateway/RaisedErrors", {
  error: requestErrors
}) {
  static readonly layer = Layer.succeed(RaisedErrors, (httpEffect) => Effect.orDie(httpEffect))
}
