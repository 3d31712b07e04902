import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import { CurrentPrincipal } from "./Authorization.ts"
import { authErrors, requestErrors } from "./ErrorSchemas.ts"

/** A token with the scope `keys`. A key cannot make keys: whoever finds one must not be able to make more. */
export class KeysAuthorization extends HttpApiMiddleware.Service<KeysAuthorization, { provides: CurrentPrincipal }>()(
  "xrouter/gateway/KeysAuthorization",
  {
    requiredForClient: true,
    security: {
      token: HttpApiSecurity.bearer.pipe(
        HttpApiSecurity.annotateMerge(
          OpenApi.annotations({ description: "An OAuth access token with the scope `keys`", format: "JWT" })
        )
      )
    },
    error: [...authErrors, ...requestErrors]
  }
) {}
