import { Context } from "effect"
import { HttpApiMiddleware, HttpApiSecurity, OpenApi } from "effect/http-api"
import type { Principal } from "../domain/Principal.ts"
import { authErrors, requestErrors } from "./ErrorSchemas.ts"

/** Who makes the request that is being handled. */
export class CurrentPrincipal extends Context.Service<CurrentPrincipal, Principal>()(
  "xrouter/gateway/CurrentPrincipal"
) {}

/** An API key or an OAuth token, as a bearer credential (RFC 6750). */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentPrincipal }>()(
  "xrouter/gateway/Authorization",
  {
    requiredForClient: true,
    security: {
      bearer: HttpApiSecurity.bearer.pipe(
        HttpApiSecurity.annotateMerge(
          OpenApi.annotations({ description: "An API key (`xr-…`), made by `xrouter keys create`", format: "xr-key" })
        )
      )
    },
    error: [...authErrors, ...requestErrors]
  }
) {}
