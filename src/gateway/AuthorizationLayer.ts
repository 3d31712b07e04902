import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { Authenticator } from "../auth/Authenticator.ts"
import { AuthError, type InternalError, type ValidationError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import { Authorization, CurrentPrincipal } from "./Authorization.ts"
import { currentRequest, type RequestContext } from "./RequestContext.ts"

/**
 * Before a body is read. The header is read here and not by the security scheme's decoder, which knows one form of it: two
 * credentials, or another scheme, have answers of their own.
 */
export const AuthorizationLayer = Layer.effect(
  Authorization,
  Effect.gen(function* () {
    const authenticator = yield* Authenticator
    return {
      bearer: Effect.fnUntraced(function* (httpEffect) {
        const request = yield* HttpServerRequest.HttpServerRequest
        const principal = yield* requestedBy(authenticator, yield* currentRequest, request)
        return yield* Effect.provideService(httpEffect, CurrentPrincipal, principal)
      })
    }
  })
)

/** Who makes this request, if it may call models. */
export const requestedBy = (
  authenticator: Authenticator["Service"],
  context: RequestContext,
  request: HttpServerRequest.HttpServerRequest
): Effect.Effect<Principal, AuthError | ValidationError | InternalError> =>
  Effect.flatMapEager(
    authenticator.authenticate({
      authorization: NodeHttpServerRequest.toIncomingMessage(request).headers.authorization,
      ip: context.ip
    }),
    (principal) => {
      context.principal = principal
      return principal.scopes.includes("inference") ? Effect.succeed(principal) : Effect.fail(insufficientScope)
    }
  )

const insufficientScope = new AuthError({
  reason: "insufficient_scope",
  message: "This credential may not call models",
  scope: "inference"
})
