import { Effect, Layer } from "effect"
import { AccessTokens } from "../auth/AccessTokens.ts"
import { Authenticator } from "../auth/Authenticator.ts"
import { LastUse } from "../auth/LastUse.ts"
import { AuthError } from "../domain/Errors.ts"
import { MemoryKeys } from "./MemoryKeys.ts"

const noTokens = new AuthError({ reason: "invalid_token", message: "There are no access tokens in this test" })

/** The gateway's own `Authenticator` over keys in memory, and those keys. No access tokens: nobody has signed any. */
export const MemoryCallers = Authenticator.layerNoDeps.pipe(
  Layer.provideMerge(MemoryKeys.layer),
  Layer.provide([
    Layer.succeed(AccessTokens, {
      authenticate: () => Effect.fail(noTokens),
      read: () => Effect.undefined
    }),
    Layer.succeed(LastUse, { record: () => undefined, flush: Effect.void })
  ])
)
