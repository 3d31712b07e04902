import { Context, type Effect } from "effect"
import type { AuthError, InternalError, ValidationError } from "../domain/Errors.ts"
import type { Principal } from "../domain/Principal.ts"

/** Who calls. */
export class Authenticator extends Context.Service<
  Authenticator,
  {
    /**
     * Of the request's `Authorization` header and the client's address. A known key costs a hash and a look-up in memory.
     * Two credentials at once, or a header of another form, are `ValidationError` (RFC 6750, section 3.1, `invalid_request`).
     */
    readonly authenticate: (credentials: {
      readonly authorization: string | undefined
      readonly ip: string
    }) => Effect.Effect<Principal, AuthError | ValidationError | InternalError>
  }
>()("xrouter/auth/Authenticator") {}
