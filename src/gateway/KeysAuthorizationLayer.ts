import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { Authenticator } from "../auth/Authenticator.ts"
import { AuthError } from "../domain/Errors.ts"
import { CurrentPrincipal } from "./Authorization.ts"
import { KeysAuthorization } from "./KeysAuthorization.ts"
import { currentRequest } from "./RequestContext.ts"

export const KeysAuthorizationLayer = Layer.effect(
  KeysAuthorization,
  Effect.gen(function* () {
    const authenticator = yield* Authenticator
    return {
      token: Effect.fnUntraced(function* (httpEffect) {
        const request = yield* HttpServerRequest.HttpServerRequest
        const context = yield* currentRequest
        const principal = yield* authenticator.authenticate({
          authorization: request.headers["authorization"],
          ip: context.ip
        })
        context.principal = principal
        if (!principal.scopes.includes("keys")) return yield* insufficientScope
        return yield* Effect.provideService(httpEffect, CurrentPrincipal, principal)
      })
    }
  })
)

const insufficientScope = new AuthError({
  reason: "insufficient_scope",
  message: "This needs an access token with the scope keys",
  scope: "keys"
})
