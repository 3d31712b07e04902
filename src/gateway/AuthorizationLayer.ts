import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { Authenticator } from "../auth/Authenticator.ts"
import { AuthError, type InternalError, type ValidationError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"
import { Authorization, CurrentPrincipal } from "./Authorization.ts"
import { currentRequest } from "./RequestContext.ts"

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
        const principal = yield* requestedBy(authenticator)
        return yield* Effect.provideService(httpEffect, CurrentPrincipal, principal)
      })
    }
  })
)

/** Who makes this request, if it may call models. */
export const requestedBy = Effect.fnUntraced(function* (
  authenticator: Authenticator["Service"]
): Effect.fn.Return<Principal, AuthError | ValidationError | InternalError, HttpServerRequest.HttpServerRequest> {
  const context = yield* currentRequest
  const { headers } = yield* HttpServerRequest.HttpServerRequest
  const principal = yield* authenticator.authenticate({ authorization: headers["authorization"], ip: context.ip })
  context.principal = principal
  if (!principal.scopes.includes("inference")) {
    return yield* new AuthError({
      reason: "insufficient_scope",
      message: "This credential may not call models",
      scope: "inference"
    })
  }
  return principal
})
